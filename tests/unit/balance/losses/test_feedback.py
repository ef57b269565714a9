import json
import os
import warnings
from pathlib import Path

import pytest
import torch

from plait.balance import Feedback, build_balancer
from plait.errors import RecipeError


def built(**settings: object) -> Feedback:
    balancer = build_balancer(Feedback.Settings.model_validate({"smoothing": 0.0, **settings}), ["buy", "click"], [1.0, 1.0])
    assert isinstance(balancer, Feedback)
    return balancer


def weights(balancer: Feedback) -> list[float]:
    balancer.before_step(0.0)
    losses = torch.ones(2, requires_grad=True) * 1.0
    return (2 * balancer.backward(losses, torch.ones(2, dtype=torch.bool), [], [[], []])).tolist()


def write(file: Path, content: object) -> None:
    """Replace the file as a careful writer does."""
    new = file.with_suffix(".new")
    new.write_text(content if isinstance(content, str) else json.dumps(content))
    new.replace(file)


def test_without_a_signal_all_weigh_the_same() -> None:
    assert weights(built()) == [1.0, 1.0]


def test_fed_weights_count_from_the_next_step_on() -> None:
    balancer = built()
    balancer.feed({"buy": 3.0})
    assert weights(balancer) == [1.5, 0.5]
    balancer.feed({"click": 3.0})
    assert weights(balancer) == [1.0, 1.0]


def test_weights_move_smoothly() -> None:
    balancer = built(smoothing=0.5)
    balancer.feed({"buy": 5.0})
    assert weights(balancer) == [pytest.approx(2 * 3 / 4), pytest.approx(2 * 1 / 4)]
    assert weights(balancer) == [pytest.approx(2 * 4 / 5), pytest.approx(2 * 1 / 5)]


def test_no_task_falls_below_the_floor() -> None:
    balancer = built(floor=0.25)
    balancer.feed({"buy": 0.0})
    assert weights(balancer) == [pytest.approx(0.4), pytest.approx(1.6)]


def test_the_file_is_followed_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    balancer = built(file=str(file), every=2)
    assert weights(balancer) == [1.0, 1.0], "there is no file yet"
    write(file, {"buy": 3})
    assert weights(balancer) == [1.0, 1.0], "it is not looked at in every step"
    assert weights(balancer) == [1.5, 0.5]
    write(file, {"click": 3})
    assert weights(balancer) == [1.5, 0.5]
    assert weights(balancer) == [1.0, 1.0]


def test_what_was_fed_stands_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    write(file, {"buy": 3})
    balancer = built(file=str(file), every=1)
    assert weights(balancer) == [1.5, 0.5]
    balancer.feed({"buy": 1.0})
    assert weights(balancer) == [1.0, 1.0]
    assert weights(balancer) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Found: Expecting property name"),
        ("[1, 2]", "Found list"),
        ({"by": 1}, r"Found `by`\. Did you mean `buy`\?"),
        ({"buy": -1}, "Found -1 for `buy`"),
        ({"buy": "much"}, "Found 'much' for `buy`"),
        ('{"buy": NaN}', "Found nan for `buy`"),
        ('{"buy": 1e300}', "from 0 to 1e.09 for tasks of this run. Found 1e.300 for `buy`"),
        ('{"buy": ' + "9" * 400 + "}", "Found 9{40}… for `buy`"),
        ("[" * 100_000, "Found: maximum recursion depth"),
    ],
)
def test_a_broken_file_changes_nothing_and_is_told_once(tmp_path: Path, content: object, words: str) -> None:
    file = tmp_path / "weights.json"
    write(file, {"buy": 3})
    balancer = built(file=str(file), every=1)
    weights(balancer)
    write(file, content)
    with pytest.warns(UserWarning, match=words):
        assert weights(balancer) == [1.5, 0.5]
    os.utime(file, ns=(1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert weights(balancer) == [1.5, 0.5]
    write(file, {"buy": 1})
    assert weights(balancer) == [1.0, 1.0]


def test_a_run_that_is_taken_up_goes_on_with_its_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    write(file, {"buy": 3})
    first = built(file=str(file), every=3, smoothing=0.5)
    for _ in range(4):
        weights(first)
    first.feed({"click": 9.0})
    weights(first)
    second = built(file=str(file), every=3, smoothing=0.5)
    second.load_state_dict(first.state_dict())
    assert [weights(second) for _ in range(4)] == [weights(first) for _ in range(4)]


def test_feed_refuses_what_cannot_be() -> None:
    with pytest.raises(RecipeError, match=r"`feed` should get numbers of tasks. Found `bye`. Did you mean `buy`\?"):
        built().feed({"bye": 1.0})
    with pytest.raises(RecipeError, match="Found inf for `click`"):
        built().feed({"click": float("inf")})
