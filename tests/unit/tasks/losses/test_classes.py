"""Whatever cost, weights and smoothing: where the mean loss is least, predictions are the true chances."""

import itertools

import pytest
import torch
from torch.nn import functional

from plait.tasks.base import Head
from support.heads import head

RATES = {"classes": ["a", "b", "c"], "class_rate": [0.85, 0.1, 0.05], "examples": 4000}
LOSSES = [{"kind": "cross_entropy"}, {"kind": "focal", "gamma": 2.0}]
WEIGHTS = [None, "balanced", {"kind": "effective", "beta": 0.999}]


def least(built: Head, labels: torch.Tensor, chances: torch.Tensor) -> torch.Tensor:
    """Return what is predicted at the outputs that minimise the mean loss over labels that come with these chances."""
    output = torch.zeros(1, built(torch.zeros(1, 3)).shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([output], max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        mean = (chances * built.losses(output.expand(len(labels), -1), labels, None)).sum()
        mean.backward()
        return mean

    optimiser.step(closure)
    return built.predict(output.detach())[0]


@pytest.mark.parametrize(("loss", "weight"), list(itertools.product(LOSSES, [*WEIGHTS, {1: 20}])))
@pytest.mark.parametrize("true", [0.02, 0.3, 0.8])
def test_binary_predictions_are_probabilities_of_the_data(loss, weight, true: float) -> None:
    built = head("binary", {"loss": loss, "class_weight": weight}, mean=0.05, examples=4000)
    found = least(built, torch.tensor([[0.0], [1.0]]), torch.tensor([1 - true, true]))
    assert float(found[0]) == pytest.approx(true, rel=5e-3)


@pytest.mark.parametrize(("loss", "weight"), list(itertools.product(LOSSES, [None, "balanced"])))
@pytest.mark.parametrize("true", [0.02, 0.3])
def test_predictions_are_of_the_data_whatever_is_resampled(loss, weight, true: float) -> None:
    options = {"loss": loss, "class_weight": weight, "resample": {0: 0.1, 1: 3}}
    built = head("binary", options, mean=0.05, examples=4000)
    # The labels come with the chances that they have after resampling.
    drawn = torch.tensor([(1 - true) * 0.1, true * 3])
    found = least(built, torch.tensor([[0.0], [1.0]]), drawn / drawn.sum())
    assert float(found[0]) == pytest.approx(true, rel=5e-3)


def test_several_classes_resampled() -> None:
    true, times = torch.tensor([0.6, 0.37, 0.03]), torch.tensor([0.2, 1.0, 4.0])
    built = head("multiclass", {"resample": {"a": 0.2, "c": 4}}, **RATES)
    drawn = true * times
    found = least(built, torch.tensor([[0.0], [1.0], [2.0]]), drawn / drawn.sum())
    assert torch.allclose(found, true, rtol=1e-2)


@pytest.mark.parametrize(("loss", "weight"), list(itertools.product(LOSSES, [*WEIGHTS, {"c": 20}])))
def test_multiclass_predictions_are_probabilities_of_the_data(loss, weight) -> None:
    true = torch.tensor([0.6, 0.37, 0.03])
    built = head("multiclass", {"loss": loss, "class_weight": weight}, **RATES)
    assert torch.allclose(least(built, torch.tensor([[0.0], [1.0], [2.0]]), true), true, rtol=1e-2)


@pytest.mark.parametrize(("loss", "weight"), list(itertools.product(LOSSES, [*WEIGHTS, {"c": 20}])))
def test_multilabel_predictions_are_probabilities_of_the_data(loss, weight) -> None:
    built = head("multilabel", {"loss": loss, "class_weight": weight}, **RATES, label_width=2)
    labels = torch.tensor([[-1.0, -1.0], [0.0, -1.0], [0.0, 1.0], [1.0, 2.0]])
    found = least(built, labels, torch.tensor([0.4, 0.3, 0.2, 0.1]))
    assert torch.allclose(found, torch.tensor([0.5, 0.3, 0.1]), rtol=1e-2)


def test_smoothing_keeps_the_mean_and_pulls_towards_it() -> None:
    built = head("binary", {"smoothing": 0.1}, mean=0.05, examples=4000)
    labels = torch.tensor([[0.0], [1.0]])
    for true in (0.05, 0.5):
        found = least(built, labels, torch.tensor([1 - true, true]))
        assert float(found[0]) == pytest.approx(0.9 * true + 0.1 * 0.05, rel=5e-3)


def test_smoothing_with_even_rates_is_torchs() -> None:
    output = torch.randn(9, 4, generator=torch.Generator().manual_seed(2))
    label = torch.arange(9) % 4
    built = head("multiclass", {"smoothing": 0.2}, classes=list("abcd"), class_rate=[0.25] * 4, examples=100_000)
    expected = functional.cross_entropy(output, label, reduction="none", label_smoothing=0.2)
    assert torch.allclose(built.losses(output, label.float()[:, None], None), expected, atol=1e-5)


def test_weights_are_torchs_at_the_moved_outputs() -> None:
    built = head("multiclass", {"class_weight": {"c": 9.0, "b": 3.0}}, **RATES)
    weight = torch.tensor([1.0, 3.0, 9.0])
    weight = weight / (torch.tensor(RATES["class_rate"]) @ weight)
    output = torch.randn(9, 3, generator=torch.Generator().manual_seed(2))
    label = torch.arange(9) % 3
    expected = functional.cross_entropy(output + weight.log(), label, weight, reduction="none")
    assert torch.allclose(built.losses(output, label.float()[:, None], None), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_even_weights_are_none(kind: str) -> None:
    known = RATES if kind != "binary" else {"mean": 0.3, "examples": 50}
    first = "a" if kind != "binary" else "0"
    plain, even = head(kind, **known), head(kind, {"class_weight": {first: 1.0}}, **known)
    output = torch.randn(12, 1 if kind == "binary" else 3, generator=torch.Generator().manual_seed(1)) * 4
    label = (torch.arange(12) % (2 if kind == "binary" else 3)).float()[:, None]
    assert torch.allclose(plain.losses(output, label, None), even.losses(output, label, None), atol=1e-5)


def test_a_class_without_examples_stays_finite() -> None:
    known = {"classes": ["a", "b", "c"], "class_rate": [1.0, 0.0, 0.0], "examples": 10}
    for kind in ("multiclass", "multilabel"):
        built = head(kind, {"class_weight": "balanced", "loss": "focal"}, **known)
        output = built(torch.randn(4, 3))
        assert built.losses(output, torch.zeros(4, 1), None).isfinite().all()
        assert built.predict(output).isfinite().all()


@pytest.mark.parametrize("loss", [*LOSSES, {"kind": "focal", "gamma": 9.0}])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_heads_start_at_the_base_rates_whatever_is_set(loss, weight) -> None:
    options = {"loss": loss, "class_weight": weight}
    for rate in (0.001, 0.02, 0.97):
        built = head("binary", options, mean=rate, examples=500)
        assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[rate]]), rtol=1e-3)
    for kind in ("multiclass", "multilabel"):
        built = head(kind, options, **RATES)
        assert torch.allclose(built.predict(built(torch.zeros(1, 3)))[0], torch.tensor(RATES["class_rate"]), rtol=1e-2)


def test_balanced_weights_are_of_what_is_left_after_resampling() -> None:
    built = head("binary", {"class_weight": "balanced", "resample": {0: 0.5}}, mean=0.25, examples=4000)
    # three parts no to two parts yes are left
    assert torch.allclose(built.loss.weighing.weight[:, 0], torch.tensor([0.5 / 0.6, 0.5 / 0.4]), rtol=1e-4)
