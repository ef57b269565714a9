import pytest
import torch
from torch import nn

from plait.balance import Curriculum, build_balancer
from plait.errors import RecipeError

NAMES = ["hard", "easy", "middle"]


def built(**settings: object) -> Curriculum:
    balancer = build_balancer(Curriculum.Settings.model_validate(settings), NAMES, [1.0, 1.0, 1.0])
    assert isinstance(balancer, Curriculum)
    return balancer


def weights(
    balancer: Curriculum, done: float, values: tuple[float, ...] = (1.0, 1.0, 1.0), present: tuple[bool, ...] = (True,) * 3
) -> list[float]:
    balancer.before_step(done)
    there = torch.tensor(present)
    losses = torch.tensor(values).mul(there).requires_grad_()
    found = balancer.backward(losses * 1.0, there, [], [[], [], []])
    return (found * 3).tolist()


def test_tasks_enter_in_the_given_order() -> None:
    balancer = built(order=["easy", "middle", "hard"], until=0.5, ramp=0.1)
    assert weights(balancer, 0.0) == [0.0, 3.0, 0.0]
    assert weights(balancer, 0.25) == [0.0, 3.0, 0.0]
    assert weights(balancer, 0.30) == pytest.approx([0.0, 2.0, 1.0]), "halfway up the ramp: 1 and 1/2 of a mean of 1/2"
    assert weights(balancer, 0.40) == [0.0, 1.5, 1.5]
    assert weights(balancer, 0.55) == pytest.approx([0.6, 1.2, 1.2])
    assert weights(balancer, 0.7) == [1.0, 1.0, 1.0]


def test_without_a_ramp_a_task_enters_at_once() -> None:
    balancer = built(order=["easy", "middle", "hard"], until=1.0, ramp=0)
    assert weights(balancer, 0.49) == [0.0, 3.0, 0.0]
    assert weights(balancer, 0.5) == [0.0, 1.5, 1.5]


def test_a_task_that_waits_keeps_its_floor() -> None:
    assert weights(built(order=["easy", "middle", "hard"], floor=0.5), 0.0) == pytest.approx([0.75, 1.5, 0.75])


def test_difficulty_is_what_is_left_of_the_loss() -> None:
    balancer = built(measure=0.5, until=0.9, ramp=0)
    for step in range(40):
        left = 0.95**step
        assert weights(balancer, step / 100, (7.0, 5.0 * left, 100.0 * left**0.5)) == [1.0, 1.0, 1.0]
    assert balancer.place.tolist() == [2.0, 0.0, 1.0], "whatever the size of the loss"
    assert weights(balancer, 0.5) == [0.0, 3.0, 0.0]
    assert weights(balancer, 0.7) == [0.0, 1.5, 1.5]
    assert weights(balancer, 0.9) == [1.0, 1.0, 1.0]


def test_a_task_that_was_never_there_comes_last() -> None:
    balancer = built(measure=0.5, until=0.9, ramp=0)
    for step in range(20):
        weights(balancer, step / 100, (1.0, 1.0, 2.0), (True, False, True))
    assert balancer.place[1] == 2


def test_the_order_survives_a_checkpoint() -> None:
    first = built(measure=0.3, ramp=0)
    for step in range(20):
        weights(first, step / 100, (1.0, 0.9**step, 1.0))
    second = built(measure=0.3, ramp=0)
    second.load_state_dict(first.state_dict())
    assert weights(second, 0.31) == weights(first, 0.31) == [0.0, 3.0, 0.0]


def test_before_a_task_enters_nothing_of_it_moves() -> None:
    moved = nn.Parameter(torch.ones(3))
    balancer = built(order=["easy", "middle", "hard"])
    balancer.backward(moved.square(), torch.ones(3, dtype=torch.bool), [moved], [[], [], []])
    assert moved.grad is not None
    assert moved.grad.tolist() == [0.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (["easy", "mid", "hard"], r"`balance.order` should name tasks. Found `mid`. Did you mean `middle`\?"),
        (["easy", "hard"], r"should name every task once. Found no `middle`"),
        (["easy", "hard", "easy"], r"should name each task once. Found `easy` twice"),
    ],
)
def test_the_order_names_every_task_once(order: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        built(order=order)


def test_the_pace_ends_after_the_measuring() -> None:
    with pytest.raises(RecipeError, match=r"`balance.until` should be more than `balance.measure`.*Found 0.2 and 0.3"):
        built(until=0.2, measure=0.3)
