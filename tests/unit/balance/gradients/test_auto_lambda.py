import pytest
import torch
from torch import Tensor, nn

from plait.balance import AutoLambda, build_balancer
from plait.errors import RecipeError

THERE = torch.ones(2, 2, dtype=torch.bool)


def built(**settings: object) -> AutoLambda:
    balancer = build_balancer(AutoLambda.Settings.model_validate({"every": 1, **settings}), ["a", "b"], [1.0, 1.0])
    assert isinstance(balancer, AutoLambda)
    return balancer


def step(balancer: AutoLambda, train: Tensor, judge: Tensor, present: Tensor = THERE) -> tuple[Tensor, Tensor]:
    moved = nn.Parameter(torch.zeros(train.shape[1]))
    draws = [
        torch.stack([row @ moved if there else torch.zeros(()) for row, there in zip(rows, which, strict=True)])
        for rows, which in zip((train, judge), present, strict=True)
    ]
    balancer.before_step(0.0)
    weights = balancer.backward(torch.stack(draws), present, [moved], [[], []])
    assert moved.grad is not None
    return weights, moved.grad


def test_a_task_that_hurts_the_primary_one_loses_weight() -> None:
    balancer = built(primary=["a"], learning_rate=0.1)
    train = torch.tensor([[1.0, 0.0], [-1.0, 1.0]])
    step(balancer, train, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    # <val of a, train of a> = 1, <val of a, train of b> = -1: one step of Adam up and one down, then scaled to the sum 2.
    assert torch.allclose(balancer.current, torch.tensor([1.1, 0.9]))


def test_all_tasks_judge_where_none_is_primary() -> None:
    balancer = built(learning_rate=0.1)
    step(balancer, torch.tensor([[1.0, 0.0], [-1.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert balancer.adam.mean.tolist() == pytest.approx([-0.1, -0.2]), "a tenth of -1 and of -(-1 + 3)"


def test_it_agrees_with_the_derivative_of_the_judging_loss() -> None:
    torch.manual_seed(0)
    theta, eta = torch.randn(3).double(), 1e-4
    train, judge = torch.randn(2, 3).double(), torch.randn(2, 3).double()

    def losses(rows: Tensor, at: Tensor) -> Tensor:
        return (rows @ at + 1).square()

    weights = torch.ones(2, dtype=torch.float64, requires_grad=True)
    grads = torch.stack([2 * (row @ theta + 1) * row for row in train])
    losses(judge, theta - eta * (weights @ grads)).sum().backward()
    balancer = built()
    moved = nn.Parameter(theta.float())
    both = torch.stack([losses(train.float(), moved), losses(judge.float(), moved)])
    both = torch.stack([torch.stack(list(draw)) for draw in both])
    balancer.backward(both, THERE, [moved], [[], []])
    assert weights.grad is not None
    assert torch.allclose(balancer.adam.mean.double() * 10, weights.grad / eta, rtol=1e-2)


def test_while_it_judges_the_second_batch_is_not_trained_on() -> None:
    balancer = built(every=2, learning_rate=1e-6)
    train, judge = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 5.0]])
    assert torch.allclose(step(balancer, train, judge)[1], torch.tensor([0.5, 0.5]))
    assert torch.allclose(step(balancer, train, judge)[1], torch.tensor([1.0, 1.5])), "then the mean of both is"
    assert torch.allclose(step(balancer, train, judge)[1], torch.tensor([0.5, 0.5]))


def test_it_judges_in_the_same_steps_after_a_skipped_one_and_a_checkpoint() -> None:
    train, judge = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [0.0, 5.0]])
    first, second = built(every=2), built(every=2)
    first.before_step(0.0)
    kept = [buffer.clone() for buffer in first.buffers()]
    first.backward(torch.full((2, 2), float("nan")), THERE, [], [[], []])
    for buffer, before in zip(first.buffers(), kept, strict=True):
        buffer.copy_(before)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        assert torch.equal(step(first, train, judge)[1], step(second, train, judge)[1])


def test_a_weight_never_falls_below_the_floor() -> None:
    balancer = built(primary=["a"], learning_rate=0.5, floor=0.2)
    for _ in range(20):
        step(balancer, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    assert balancer.current.sum() == pytest.approx(2.0)
    assert 0 < balancer.current[1] <= 0.4


def test_without_a_primary_task_in_the_judging_batch_nothing_moves() -> None:
    balancer = built(primary=["a"])
    present = torch.tensor([[True, True], [False, True]])
    weights, _ = step(balancer, torch.eye(2), torch.eye(2), present)
    assert weights.tolist() == [0.5, 0.5]
    assert balancer.current.tolist() == [1.0, 1.0]


def test_what_is_a_tasks_own_gets_its_weighted_gradient_once() -> None:
    balancer = built(learning_rate=1e-6)
    moved, own = nn.Parameter(torch.ones(1)), [nn.Parameter(torch.ones(1)) for _ in range(2)]
    own[0].grad = torch.tensor([10.0])
    draw = torch.stack([moved[0] * own[0][0] * 2, moved[0] * own[1][0] * 4])
    balancer.backward(torch.stack([draw, draw]), THERE, [moved], [[own[0]], [own[1]]])
    assert own[0].grad.item() == pytest.approx(11.0)
    assert own[1].grad is not None
    assert own[1].grad.item() == pytest.approx(2.0)


def test_primary_tasks_are_tasks() -> None:
    with pytest.raises(RecipeError, match=r"`balance.primary` should name tasks. Found `c`"):
        built(primary=["c"])
