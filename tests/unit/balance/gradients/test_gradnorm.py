import pytest
import torch
from torch import Tensor, nn

from plait.balance import Gradients, GradNorm, build_balancer

THERE = torch.ones(2, dtype=torch.bool)
ROWS = torch.tensor([[3.0, 4.0], [0.0, 1.0]])


def built(**settings: object) -> tuple[Gradients, GradNorm]:
    balancer = build_balancer(GradNorm.Settings.model_validate(settings), ["a", "b"], [1.0, 1.0])
    assert isinstance(balancer, Gradients)
    assert isinstance(balancer.weighting, GradNorm)
    return balancer, balancer.weighting


def step(balancer: Gradients, offsets: tuple[float, float], present: Tensor = THERE) -> tuple[Tensor, Tensor]:
    """Two losses with gradients of length 5 and 1 and the given values."""
    moved = nn.Parameter(torch.zeros(2))
    losses = torch.where(present, ROWS @ moved + torch.tensor(offsets), 0)
    losses = torch.stack([loss if there else torch.zeros(()) for loss, there in zip(losses, present, strict=True)])
    weights = balancer.backward(losses, present, [moved], [[], []])
    assert moved.grad is not None
    return weights, moved.grad


def test_the_first_step_is_the_average() -> None:
    weights, gradient = step(built()[0], (1.0, 1.0))
    assert weights.tolist() == [0.5, 0.5]
    assert torch.allclose(gradient, ROWS.mean(0))


def test_weights_move_against_the_sign_of_the_distance() -> None:
    balancer, state = built(alpha=0.0, learning_rate=0.1)
    step(balancer, (1.0, 1.0))
    # |n - mean n| = (5 - 3, 1 - 3): the first step of Adam is the rate, against the sign; then scaled to the sum 2.
    assert torch.allclose(state.weight, torch.tensor([0.9, 1.1]))
    assert torch.allclose(step(balancer, (1.0, 1.0))[0], torch.tensor([0.45, 0.55]))


def reference(lengths: Tensor, losses: Tensor, alpha: float, rate: float) -> Tensor:
    """The paper's algorithm with autograd for the weights' gradient and torch's Adam."""
    weights = nn.Parameter(torch.ones(2, dtype=torch.float64))
    adam = torch.optim.Adam([weights], lr=rate, eps=0)
    for row in losses:
        ratio = row / losses[0]
        n = weights * lengths
        target = (n.mean() * (ratio / ratio.mean()) ** alpha).detach()
        adam.zero_grad()
        (n - target).abs().sum().backward()
        adam.step()
        with torch.no_grad():
            weights.mul_(2 / weights.sum())
    return weights.detach()


def test_it_follows_the_pseudo_code() -> None:
    balancer, state = built(alpha=1.5, learning_rate=0.05)
    losses = torch.tensor([[2.0, 3.0], *[[2.0 * 0.9**k, 3.0] for k in range(1, 8)]], dtype=torch.float64)
    state.first.mean.copy_(losses[0])
    state.first.looks.fill_(20)
    for row in losses.tolist():
        step(balancer, (row[0], row[1]))
    assert torch.allclose(state.weight.double(), reference(torch.tensor([5.0, 1.0]).double(), losses, 1.5, 0.05), atol=1e-5)


def test_in_the_end_gradients_have_one_length() -> None:
    balancer, state = built(alpha=0.0, learning_rate=0.02)
    for _ in range(300):
        step(balancer, (1.0, 1.0))
    assert torch.allclose(state.weight, torch.tensor([1 / 3, 5 / 3]), atol=0.05)


def test_a_task_that_learns_slowly_gets_a_longer_gradient() -> None:
    balancer, state = built(alpha=1.0, learning_rate=0.02)
    for number in range(300):
        left = 1.0 if number < 10 else 0.5
        step(balancer, (left, 1.0))
    lengths = state.weight * torch.tensor([5.0, 1.0])
    assert float(lengths[1] / lengths[0]) == pytest.approx(2.0, rel=0.15), "it has twice as much of its loss left"


def test_a_task_that_is_not_there_keeps_its_share() -> None:
    balancer, state = built()
    weights, _ = step(balancer, (1.0, 0.0), torch.tensor([True, False]))
    assert weights.tolist() == [1.0, 0.0]
    assert state.weight.tolist() == [1.0, 1.0]
    assert state.adam.looks.tolist() == [0.0, 0.0]
