import pytest
import torch
from torch import Tensor, nn

from plait.balance import MetaBalance, build_balancer
from plait.errors import RecipeError

THERE = torch.ones(3, dtype=torch.bool)
ROWS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 0.5]])


def built(**settings: object) -> MetaBalance:
    balancer = build_balancer(MetaBalance.Settings.model_validate(settings), ["buy", "view", "rate"], [1.0] * 3)
    assert isinstance(balancer, MetaBalance)
    return balancer


def step(balancer: MetaBalance, rows: Tensor = ROWS, present: Tensor = THERE) -> Tensor:
    """Return three times the update."""
    moved = nn.Parameter(torch.zeros(3))
    losses = torch.stack([row @ moved if there else torch.zeros(()) for row, there in zip(rows, present, strict=True)])
    balancer.backward(losses, present, [moved], [[], [], []])
    assert moved.grad is not None
    return moved.grad * present.sum()


@pytest.mark.parametrize(
    ("scale", "expected"),
    [("both", [2.0, 2.0, 2.0]), ("larger", [2.0, 2.0, 0.5]), ("smaller", [2.0, 8.0, 2.0])],
)
def test_auxiliary_gradients_get_the_size_of_the_targets(scale: str, expected: list[float]) -> None:
    assert torch.allclose(step(built(relax=1.0, scale=scale)), torch.tensor(expected))


def test_the_relax_factor_goes_half_the_way() -> None:
    assert torch.allclose(step(built(relax=0.5)), torch.tensor([2.0, 5.0, 1.25]))
    assert torch.allclose(step(built(relax=0.0)), torch.tensor([2.0, 8.0, 0.5]))


def test_another_target() -> None:
    assert torch.allclose(step(built(relax=1.0, target="rate")), torch.tensor([0.5, 0.5, 0.5]))


def test_magnitudes_are_averaged_over_steps() -> None:
    balancer = built(relax=1.0, momentum=0.75)
    step(balancer)
    found = step(balancer, ROWS * torch.tensor([[1.0], [2.0], [1.0]]))
    assert torch.allclose(found, torch.tensor([2.0, 16 * 2 / 10, 2.0])), "the magnitude of `view` is 0.75 * 8 + 0.25 * 16"


def test_at_the_parameters_every_tensor_has_its_own_magnitudes() -> None:
    balancer = built(relax=1.0, at="parameters", momentum=0.5)
    first, second = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
    balancer.begin([first, second])
    looked = torch.zeros(1, requires_grad=True)
    for _ in range(2):
        losses = torch.stack(
            [
                first[0] * 2 + second[0] * 3 + looked[0],
                first[1] * 4 + second[1] * 1 + looked[0] * 6,
                first[1] * 0.0 + second[1] * 9,
            ]
        )
        for tensor in (first, second, looked):
            tensor.grad = None
        balancer.backward(losses, THERE, [first, second, looked], [[], [], []])
        assert torch.allclose(first.grad * 3, torch.tensor([2.0, 2.0]))
        assert torch.allclose(second.grad * 3, torch.tensor([3.0, 6.0]))
        assert torch.allclose(looked.grad * 3, torch.tensor([2.0])), "of one size, and in this case of one direction"
    assert balancer.magnitude[:, :2].tolist() == [[2.0, 4.0], [3.0, 1.0]]


def test_without_the_target_gradients_stay_as_they_are() -> None:
    balancer = built(relax=1.0)
    step(balancer)
    assert torch.allclose(step(balancer, present=torch.tensor([False, True, True])), torch.tensor([0.0, 8.0, 0.5]))


def test_the_target_is_a_task() -> None:
    with pytest.raises(RecipeError, match=r"`balance.target` should name tasks. Found `by`. Did you mean `buy`\?"):
        built(target="by")
