"""Tasks of tokens through training: learned beside others under any way of balancing, stopped anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plait.data.prepare import prepare
from plait.errors import Stopped
from plait.recipe import load_recipe
from plait.run.build import build_balance, build_model, build_texts
from plait.run.phase import goal_of
from plait.train.loop import fit
from support.notes import recipe_of, write_notes
from support.runs import digest, left, stop_at


def train(folder: Path, out: Path | None = None, resume: bool = False, stop: int = 0, **changes: Any) -> Any:
    encoder = folder / "bert" if (folder / "bert").exists() else write_notes(folder)
    recipe = load_recipe(recipe_of(encoder, **changes))
    prepared = prepare(recipe.schema_, folder, folder / "cache", build_texts(recipe))
    model, balancer = build_model(recipe, prepared.layout), build_balance(recipe, prepared.layout)
    if stop:
        stop_at(balancer, stop)
    goal = goal_of(recipe, prepared)
    return model, fit(model, prepared, balancer, recipe.train, goal=goal, seed=recipe.seed, out=out, resume=resume)


@pytest.mark.parametrize(
    ("tune", "changes"),
    [("full", {"balance": {"kind": "upgrad"}}), ("lora", {"balance": {"kind": "famo"}}), ("frozen", {})],
)
def test_stopped_anywhere_it_ends_the_same(tmp_path: Path, tune: str, changes: dict[str, Any]) -> None:
    straight, fitted = train(tmp_path, tmp_path / "straight", tune=tune, **changes)
    assert fitted.skipped == 0
    with pytest.raises(Stopped):
        train(tmp_path, tmp_path / "again", stop=3, tune=tune, **changes)
    again, _ = train(tmp_path, tmp_path / "again", resume=True, tune=tune, **changes)
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert left(tmp_path / "straight") == left(tmp_path / "again")


def test_they_learn(tmp_path: Path) -> None:
    options = {
        "epochs": 8,
        "batch": 24,
        "learning_rate": 0.01,
        "threads": 1,
        "precision": "fp32",
        "probes": 0,
        "patience": 8,
    }
    _, fitted = train(tmp_path, train=options)
    assert fitted.scores["keys"] > 0.9, "a phrase that was seen before is found again"
    curve = fitted.curves["words"].scores
    assert curve[-1] < 0.6 * curve[0]
