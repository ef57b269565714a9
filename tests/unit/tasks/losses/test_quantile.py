import numpy as np
import pytest
import torch

from plait.tasks import levels
from plait.tasks.losses.quantile import Quantile
from plait.tasks.regression import Regression
from support.heads import head

THREE = {"loss": {"kind": "quantile", "levels": [0.1, 0.5, 0.9]}}
ONE = {"loss": {"kind": "quantile", "levels": [0.8]}}


def test_agrees_with_scikit_learn() -> None:
    pinball = pytest.importorskip("sklearn.metrics").mean_pinball_loss
    built = head("regression", THREE, mean=3.0, std=2.0)
    label = 3 + 2 * torch.randn(50, 1, generator=torch.Generator().manual_seed(4))
    output = torch.randn(50, 3, generator=torch.Generator().manual_seed(5))
    quantiles = built.predict(output)[:, 1:].numpy()
    expected = np.mean([pinball(label[:, 0].numpy(), quantiles[:, i], alpha=a) for i, a in enumerate((0.1, 0.5, 0.9))])
    assert float(built.losses(output, label, None).mean()) == pytest.approx(expected / 2.0, rel=1e-5)


def test_half_is_half_the_absolute_error() -> None:
    built = head("regression", {"loss": {"kind": "quantile", "levels": [0.5]}})
    assert built.losses(torch.tensor([[1.0], [-3.0]]), torch.zeros(2, 1), None).tolist() == [0.5, 1.5]


def test_quantiles_never_cross_and_start_at_a_normal_distributions() -> None:
    built = head("regression", THREE, mean=10.0, std=2.0)
    wild = built.predict(torch.randn(200, 3, generator=torch.Generator().manual_seed(6)) * 50)[:, 1:]
    assert bool((wild.diff(dim=1) >= 0).all())
    start = built.predict(built(torch.zeros(1, 3)))
    assert torch.allclose(start, torch.tensor([[10.0, 10 - 2 * 1.2816, 10.0, 10 + 2 * 1.2816]]), atol=1e-3)


def test_columns_are_the_middle_and_each_level() -> None:
    assert head("regression", THREE).columns == ["value", "q10", "q50", "q90"]
    assert head("regression", ONE).columns == ["value"]
    assert head("regression", ONE).levels == (0.8,)
    assert head("regression").levels == ()


def test_the_least_loss_is_at_the_quantile_of_the_labels() -> None:
    built = head("regression", ONE)
    label = torch.arange(11.0)[:, None]
    values = torch.linspace(0, 10, 101)
    losses = torch.stack([built.losses(value.expand(11, 1), label, None).mean() for value in values])
    assert abs(float(values[losses.argmin()]) - 8) < 0.2


@pytest.mark.parametrize("wrong", [[0.9, 0.1], [0.5, 0.5]])
def test_levels_ascend(wrong: list[float]) -> None:
    with pytest.raises(ValueError, match=r"levels should ascend, each once, such as \[0.1, 0.5, 0.9\]"):
        Quantile.Settings(levels=wrong)


def test_levels_of_settings() -> None:
    described = {"kind": "regression", "table": "t", "label": "y"}
    assert levels(Regression.Settings.model_validate({**described, **THREE})) == (0.1, 0.5, 0.9)
    assert levels(Regression.Settings.model_validate({**described, "loss": "huber"})) == ()
