"""Labels that may still become 1: the weights by hand, against NumPy, and what they do to a loss."""

import numpy as np
import pytest
import torch

from plait.tasks.losses.arrival import arrival_weight
from support.heads import head


def test_by_hand() -> None:
    label = torch.tensor([[1.0, 0.5], [0.0, 0.5], [1.0, 1.0], [0.0, 1.0]])
    found = arrival_weight(torch.zeros(4), label)
    # p = 1/2, D = 1/2: a 1 counts 2, a 0 counts (1/2) / (3/4).
    assert torch.allclose(found, torch.tensor([2.0, 2 / 3, 1.0, 1.0]))


def test_against_numpy_and_finite_far_out() -> None:
    draw = np.random.default_rng(1)
    z, known = draw.normal(size=500) * 4, draw.uniform(0.05, 1, 500)
    label = (draw.random(500) < 0.3).astype(float)
    p = 1 / (1 + np.exp(-z))
    wanted = np.where(label > 0, 1 / known, (1 - p) / (1 - p * known))
    found = arrival_weight(torch.tensor(z), torch.tensor(np.stack([label, known], 1)))
    assert np.allclose(found.numpy(), wanted, rtol=1e-6)
    far = arrival_weight(torch.tensor([1e4, -1e4, 1e4]), torch.tensor([[0.0, 0.5], [0.0, 0.5], [0.0, 1.0]]))
    assert far.tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize("options", [{}, {"class_weight": "balanced"}, {"smoothing": 0.1}, {"loss": "focal"}])
@pytest.mark.parametrize("chance", [0.3, 0.7])
def test_the_expected_gradient_is_that_of_the_final_labels(options: dict[str, object], chance: float) -> None:
    binary = head("binary", options, mean=0.2)
    z = torch.tensor([[-0.4], [0.0], [0.8]], requires_grad=True)
    p = torch.sigmoid(binary.log_odds(z).detach())

    def slope(one: float, *known: float) -> torch.Tensor:
        label = torch.tensor([[one, *known]] * 3)
        return torch.autograd.grad(binary.losses(z, label, None).sum(), z)[0][:, 0]

    final = p * slope(1.0) + (1 - p) * slope(0.0)
    by_now = p * chance * slope(1.0, chance) + (1 - p * chance) * slope(0.0, chance)
    assert torch.allclose(by_now, final, atol=1e-5)
