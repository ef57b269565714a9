import math

import numpy as np
import pytest
import torch

from plait.tasks.losses.focal import Focal
from support.heads import head

GAMMA = {"loss": {"kind": "focal", "gamma": 2.0}}


def test_by_hand() -> None:
    losses = head("binary", GAMMA).losses(torch.zeros(2, 1), torch.tensor([[1.0], [0.0]]), None)
    assert torch.allclose(losses, torch.full((2,), 0.25 * math.log(2)))


def test_agrees_with_the_paper_written_in_numpy() -> None:
    output = np.linspace(-6, 6, 25)
    chance = 1 / (1 + np.exp(-output))
    built = head("binary", {"loss": {"kind": "focal", "gamma": 1.5}})
    for label, right in ((1.0, chance), (0.0, 1 - chance)):
        expected = -((1 - right) ** 1.5) * np.log(right)
        found = built.losses(torch.tensor(output[:, None]).float(), torch.full((25, 1), label), None)
        assert np.allclose(found.numpy(), expected, rtol=1e-4)


def test_several_classes_agree_with_the_paper_written_in_numpy() -> None:
    output = np.random.default_rng(3).normal(size=(20, 3)) * 3
    chance = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    label = np.arange(20) % 3
    right = chance[np.arange(20), label]
    built = head("multiclass", GAMMA, classes=["a", "b", "c"], class_rate=[0.5, 0.3, 0.2])
    found = built.losses(torch.tensor(output).float(), torch.tensor(label[:, None]).float(), None)
    assert np.allclose(found.numpy(), -((1 - right) ** 2) * np.log(right), rtol=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_an_exponent_of_zero_is_cross_entropy(kind: str) -> None:
    known = {"classes": ["a", "b", "c"], "class_rate": [0.5, 0.3, 0.2]} if kind != "binary" else {"mean": 0.3}
    plain, focal = head(kind, **known), head(kind, {"loss": {"kind": "focal", "gamma": 0.0}}, **known)
    output = torch.randn(12, 1 if kind == "binary" else 3, generator=torch.Generator().manual_seed(1)) * 4
    label = (torch.arange(12) % (2 if kind == "binary" else 3)).float()[:, None]
    assert torch.allclose(plain.losses(output, label, None), focal.losses(output, label, None), atol=1e-5)
    assert torch.allclose(plain.predict(output), focal.predict(output), atol=1e-5)


def test_the_way_back_is_the_papers() -> None:
    output = torch.linspace(-5, 5, 21)[:, None]
    v = torch.sigmoid(output).double()

    def h(chance: torch.Tensor) -> torch.Tensor:
        return chance / ((1 - chance) ** 2 - 2 * (1 - chance) * chance * chance.log())

    expected = h(v) / (h(v) + h(1 - v))
    assert torch.allclose(head("binary", GAMMA).predict(output).double(), expected, atol=1e-5)


def test_the_way_back_keeps_the_order_and_even_odds() -> None:
    found = head("binary", GAMMA).predict(torch.linspace(-4, 4, 41)[:, None])[:, 0]
    assert bool((found.diff() > 0).all())
    assert float(found[20]) == pytest.approx(0.5, abs=1e-6)


def test_far_out_the_mass_is_that_of_the_limit() -> None:
    loss = Focal(Focal.Settings(gamma=2.0))
    odds = torch.tensor([-1000.0, 1000.0])
    assert torch.allclose(loss.log_mass(odds), torch.tensor([-1000.0, 2000.0 - math.log(3)]))
    assert torch.equal(loss.cost(odds), torch.tensor([1000.0, 0.0]))
