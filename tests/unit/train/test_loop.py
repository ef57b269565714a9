"""What training does to quality: it learns, keeps the best epoch, stops early, and the last phase hurts nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from plait.errors import DataError
from plait.train.fitted import Fitted
from plait.train.loop import Goal, fit
from plait.train.protocol import Trainable
from support.model import DIRECTIONS, Mean, Tiny, evaluator
from support.prepared import shop
from support.runs import QUICK, digest, settings, train


def test_it_learns_what_is_there() -> None:
    _, fitted = train(shop(ratings=3000), settings(epochs=6, batch=64))
    assert fitted.scores["like"] > 0.85 and fitted.scores["stars"] < 0.4
    assert fitted.curves["like"].losses[-1] < fitted.curves["like"].losses[0] / 2


def scripted(scores: list[dict[str, float]]) -> tuple[Tiny, Fitted, list[str]]:
    """Train with evaluations that are told in advance, and keep what the weights were at each."""
    prepared = shop(ratings=120)
    model, left = Tiny(prepared), []
    told = iter(scores)

    def evaluate(model: Trainable) -> Mapping[str, float]:
        left.append(digest(model.state_dict()))
        return next(told)

    options = settings(epochs=len(scores))
    fitted = fit(model, prepared, Mean(), options, goal=Goal(evaluate, DIRECTIONS), seed=17)
    return model, fitted, left


def test_the_best_epoch_is_restored() -> None:
    model, fitted, left = scripted([{"like": 0.5}, {"like": 0.9}, {"like": 0.7}])
    assert fitted.best_epoch == 2 and digest(model.state_dict()) == left[1] and not model.training
    assert fitted.scores == {"like": 0.9} and fitted.epochs == 3


def test_it_stops_when_no_task_improves() -> None:
    _, fitted, left = scripted([{"like": 0.9}] * 9)
    assert fitted.epochs == len(left) == 3 and fitted.best_epoch == 1


def test_without_a_validation_part_the_last_epoch_counts() -> None:
    model, fitted, left = scripted([{}] * 4)
    assert fitted.epochs == fitted.best_epoch == 4 and digest(model.state_dict()) == left[-1]


def test_an_evaluation_that_draws_random_numbers_changes_nothing() -> None:
    prepared = shop(ratings=120)
    plain = train(prepared)[0]
    model = Tiny(prepared)

    def evaluate(model: Trainable) -> Mapping[str, float]:
        torch.rand(7)
        return evaluator(prepared)(model)

    fit(model, prepared, Mean(), QUICK, goal=Goal(evaluate, DIRECTIONS), seed=17)
    assert digest(model.state_dict()) == digest(plain.state_dict())


def test_probes_change_nothing() -> None:
    prepared = shop(ratings=200)
    assert digest(train(prepared)[0].state_dict()) == digest(train(prepared, settings(probes=5))[0].state_dict())


def test_the_last_phase_moves_only_what_a_task_owns_and_hurts_none() -> None:
    prepared = shop(ratings=400)
    joint, before = train(prepared, settings(epochs=1))
    tuned, after = train(prepared, settings(epochs=1, finish="per_task", finish_epochs=2))
    same = {name for name, tensor in joint.state_dict().items() if torch.equal(tensor, tuned.state_dict()[name])}
    assert {name for name in joint.state_dict() if not name.startswith("heads")} <= same
    goal = evaluator(prepared)(tuned)
    for task, larger in DIRECTIONS.items():
        assert goal[task] == pytest.approx(after.scores[task])
        gain = after.scores[task] - before.scores[task]
        assert (gain > 0) == (larger and task in after.finished) or (gain < 0) == (not larger and task in after.finished)
    moved = {task for number, task in enumerate(tuned.names) if f"heads.{number}.weight" not in same}
    assert moved == set(after.finished)


def test_nothing_to_learn_from_is_an_error() -> None:
    prepared = shop(ratings=100)
    for table in ("ratings", "films"):
        prepared.tables[table].part[:] = 2
    with pytest.raises(DataError, match="should have observed labels in the train part"):
        train(prepared)


def test_one_row_is_enough() -> None:
    prepared = shop(ratings=100)
    prepared.tables["films"].part[:] = 0
    prepared.tables["ratings"].part[1:81] = 0
    prepared.tables["ratings"].part[7] = 1
    _, fitted = train(prepared, settings(batch=4096))
    assert fitted.steps == fitted.examples == 2
