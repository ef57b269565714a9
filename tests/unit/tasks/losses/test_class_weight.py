import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.tasks.binary import Binary
from plait.tasks.losses.class_weight import Balanced, Effective, Given, by_class, class_weights
from support.heads import head

RATES = torch.tensor([0.9, 0.08, 0.02])
COUNTS = 1000 * RATES
ONES = torch.ones(3)


def test_balanced_is_scikit_learns() -> None:
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    labels = np.repeat([0, 1, 2], [900, 80, 20])
    expected = compute("balanced", classes=np.arange(3), y=labels)
    assert np.allclose(class_weights(Balanced.Settings(), RATES, COUNTS, ONES).numpy(), expected, rtol=1e-5)


def test_effective_by_hand() -> None:
    found = class_weights(Effective.Settings(beta=0.99), RATES, COUNTS, ONES)
    raw = np.array([0.01 / (1 - 0.99**n) for n in (900, 80, 20)])
    assert np.allclose(found.numpy(), raw / (np.array([0.9, 0.08, 0.02]) @ raw), rtol=1e-4)


def test_effective_goes_from_even_to_balanced() -> None:
    even = class_weights(Effective.Settings(beta=0.0), RATES, COUNTS, ONES)
    assert torch.allclose(even, ONES)
    nearly = class_weights(Effective.Settings(beta=1 - 1e-6), RATES, COUNTS, ONES)
    assert torch.allclose(nearly, class_weights(Balanced.Settings(), RATES, COUNTS, ONES), rtol=2e-2)


@pytest.mark.parametrize("settings", [Balanced.Settings(), Effective.Settings(), Given.Settings(weights={"b": 7.0}), None])
def test_the_mean_over_examples_is_one(settings) -> None:
    given = torch.tensor([1.0, 7.0, 1.0])
    assert float((RATES * class_weights(settings, RATES, COUNTS, given)).sum()) == pytest.approx(1, rel=1e-5)


def test_only_ratios_of_given_weights_matter() -> None:
    chosen = Given.Settings(weights={"b": 2.0})
    first, scaled = (class_weights(chosen, RATES, COUNTS, k * torch.tensor([1.0, 2.0, 1.0])) for k in (1.0, 30.0))
    assert torch.allclose(first, scaled)
    assert float(first[1] / first[0]) == pytest.approx(2)


@pytest.mark.parametrize("written", [{1: 5}, {"1": 5}, {True: 5}, {"kind": "given", "weights": {"1": 5}}])
def test_short_forms_of_given_weights(written: object) -> None:
    settings = Binary.Settings.model_validate({"kind": "binary", "table": "t", "label": "y", "class_weight": written})
    assert settings.class_weight == Given.Settings(weights={"1": 5.0})


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"Task `t`: `class_weight` should name classes of the task, which are \['0', '1'\]"
    ):
        head("binary", {"class_weight": {"yes": 2.0}})
    with pytest.raises(RecipeError, match="Found `jumprope`. Did you mean `jumpers`?"):
        by_class("t", "class_weight", ["jumpers", "shirts"], {"jumprope": 2.0})


def test_a_class_that_is_none_cannot_be_resampled() -> None:
    with pytest.raises(RecipeError, match=r"`resample` should name classes of the task, which are \['0', '1'\]. Found `no`"):
        head("binary", {"resample": {"no": 0.1}})
