"""When to stop, and which epoch is the best."""

from __future__ import annotations

import json

from plait.train.judge import Judge

NAN = float("nan")


def test_it_goes_on_while_any_task_improves() -> None:
    judge = Judge({"a": True, "b": False}, patience=2)
    verdicts = [
        judge.see(scores)
        for scores in (
            {"a": 0.7, "b": 1.0},
            {"a": 0.6, "b": 0.9},
            {"a": 0.5, "b": 0.95},
            {"a": 0.71, "b": 2.0},
            {"a": 0.7, "b": 1.0},
            {"a": 0.71, "b": 0.9},
        )
    ]
    assert [verdict.stop for verdict in verdicts] == [False, False, False, False, False, True]


def test_the_best_has_the_highest_mean_gain() -> None:
    judge = Judge({"a": True, "b": False}, patience=9)
    assert judge.see({"a": 0.5, "b": 1.0}).best
    assert not judge.see({"a": 0.4, "b": 0.9}).best  # -0.222 + 0.105
    assert judge.see({"a": 0.49, "b": 0.9}).best  # -0.020 + 0.105
    assert not judge.see({"a": 0.49, "b": 0.9}).best


def test_a_task_that_started_near_zero_does_not_outvote_the_others() -> None:
    judge = Judge({"a": True, "b": True, "c": True}, patience=9)
    judge.see({"a": 0.001, "b": 0.9, "c": 0.9})
    assert judge.see({"a": 0.1, "b": 0.9, "c": 0.9}).best
    assert not judge.see({"a": 0.11, "b": 0.5, "c": 0.5}).best


def test_what_is_no_number_does_not_count() -> None:
    judge = Judge({"a": True, "b": True}, patience=1)
    assert judge.see({"a": NAN, "b": 0.5}).best
    verdict = judge.see({"a": NAN, "b": 0.6})
    assert verdict.best and not verdict.stop
    assert judge.see({"a": 0.1, "b": 0.1}).stop is False
    assert judge.see({"a": NAN, "b": 0.1}).stop is True


def test_without_any_score_the_newest_is_the_best_and_nothing_stops() -> None:
    judge = Judge({"a": True}, patience=1)
    assert [(v.best, v.stop) for v in (judge.see({}), judge.see({"a": NAN}), judge.see({}))] == [(True, False)] * 3


def test_negative_metrics_gain_in_the_right_direction() -> None:
    judge = Judge({"r2": True}, patience=3)
    assert judge.see({"r2": -0.5}).best and judge.see({"r2": -0.1}).best and judge.see({"r2": 0.2}).best
    assert not judge.see({"r2": 0.1}).best


def test_the_state_survives() -> None:
    judge, other = (Judge({"a": True, "b": False}, patience=2) for _ in range(2))
    judge.see({"a": 0.1 + 0.2, "b": 1 / 3})
    other.load(json.loads(json.dumps(judge.state())))
    for scores in ({"a": 0.2, "b": 0.4}, {"a": 0.1, "b": 0.3}, {"a": 0.1, "b": 0.9}):
        assert judge.see(scores) == other.see(scores)
    fresh = Judge({"a": True}, patience=2)
    fresh.load(json.loads(json.dumps(Judge({"a": True}, patience=2).state())))
    assert fresh.see({"a": 0.0}).best
