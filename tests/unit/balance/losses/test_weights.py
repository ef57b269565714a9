import pytest
import torch
from torch import Tensor, nn

from plait.balance import Average, Balancer, Fixed, Maximum, build_balancer
from plait.errors import RecipeError

PRESENT = torch.tensor([True, True, True])


def run(balancer: Balancer, values: list[float], present: Tensor = PRESENT) -> tuple[Tensor, Tensor]:
    """Return the weights and the gradient of a parameter whose derivative of each loss is 1."""
    moved = nn.Parameter(torch.zeros(3))
    losses = torch.stack([m + v if here else torch.zeros(()) for m, v, here in zip(moved, values, present, strict=True)])
    weights = balancer.backward(losses, present, [moved], [[], [], []])
    assert moved.grad is not None
    return weights, moved.grad


def test_average() -> None:
    weights, gradient = run(build_balancer(Average.Settings(), ["a", "b", "c"], [1.0, 1.0, 1.0]), [1.0, 2.0, 3.0])
    assert torch.allclose(weights, torch.full((3,), 1 / 3))
    assert torch.equal(weights, gradient)


def test_the_average_is_over_tasks_that_are_present() -> None:
    balancer = build_balancer(Average.Settings(), ["a", "b", "c"], [1.0, 1.0, 1.0])
    weights, gradient = run(balancer, [1.0, 2.0, 3.0], torch.tensor([True, False, True]))
    assert weights.tolist() == [0.5, 0.0, 0.5]
    assert gradient.tolist() == [0.5, 0.0, 0.5]


def test_the_weight_of_a_task_multiplies_its_loss() -> None:
    weights, gradient = run(build_balancer(Average.Settings(), ["a", "b", "c"], [1.0, 2.0, 0.0]), [1.0, 1.0, 1.0])
    assert torch.allclose(weights, torch.tensor([1 / 3, 2 / 3, 0]))
    assert torch.allclose(gradient, weights)


def test_fixed_weights_are_shares() -> None:
    balancer = build_balancer(Fixed.Settings(weights={"c": 2.0}), ["a", "b", "c"], [1.0, 1.0, 1.0])
    assert run(balancer, [1.0, 1.0, 1.0])[0].tolist() == [0.25, 0.25, 0.5]


def test_fixed_weights_name_tasks() -> None:
    with pytest.raises(RecipeError, match=r"should name tasks. Found `stras`. Did you mean `stars`\?"):
        build_balancer(Fixed.Settings(weights={"stras": 2.0}), ["like", "stars"], [1.0, 1.0])


def test_fixed_weights_are_not_negative() -> None:
    with pytest.raises(RecipeError, match=r"`balance.weights.like` should be 0 or more. Found -1.0"):
        build_balancer(Fixed.Settings(weights={"like": -1.0}), ["like", "stars"], [1.0, 1.0])


def test_not_all_fixed_weights_are_zero() -> None:
    with pytest.raises(RecipeError, match="at least one task a weight above 0"):
        build_balancer(Fixed.Settings(weights={"like": 0.0}), ["like"], [1.0])


def test_maximum_trains_the_largest_loss() -> None:
    balancer = build_balancer(Maximum.Settings(), ["a", "b", "c"], [1.0, 1.0, 1.0])
    assert run(balancer, [1.0, 5.0, 3.0])[1].tolist() == [0.0, 1.0, 0.0]
    assert run(balancer, [1.0, 5.0, 3.0], torch.tensor([True, False, True]))[1].tolist() == [0.0, 0.0, 1.0]


def test_maximum_compares_weighted_losses() -> None:
    assert run(build_balancer(Maximum.Settings(), ["a", "b", "c"], [10.0, 1.0, 1.0]), [1.0, 5.0, 3.0])[1].tolist() == [
        10.0,
        0.0,
        0.0,
    ]


def test_maximum_does_not_pass_over_what_is_not_finite() -> None:
    balancer = build_balancer(Maximum.Settings(), ["a", "b", "c"], [1.0, 1.0, 1.0])
    assert run(balancer, [1.0, float("nan"), 3.0])[1].tolist() == [0.0, 1.0, 0.0]
