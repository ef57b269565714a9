"""Rows without a label through training: which come up, what is learned, stop and resumption, one row at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from plait.data.batches import Batches, gather
from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.errors import RecipeError, Stopped
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model, resampled
from plait.run.phase import goal_of
from plait.train.loop import fit
from support.runs import digest, left, stop_at
from support.sparse import write_sparse

TASKS = ["rich", "degree", "sports", "loud"]


def made(folder: Path, changes: list[str] | None = None) -> tuple[Recipe, Prepared]:
    recipe = load_recipe(write_sparse(folder), changes or [])
    return recipe, resampled(recipe, prepare(recipe.schema_, folder, folder / "cache"))


def train(
    folder: Path, out: Path | None = None, resume: bool = False, stop: int = 0, changes: list[str] | None = None
) -> Any:
    recipe, prepared = made(folder, changes)
    model, balancer = build_model(recipe, prepared.layout), build_balance(recipe, prepared.layout)
    if stop:
        stop_at(balancer, stop)
    goal = goal_of(recipe, prepared)
    return model, fit(model, prepared, balancer, recipe.train, goal=goal, seed=recipe.seed, out=out, resume=resume)


def rows_of(prepared: Prepared, epoch: int, size: int = 32) -> list[int]:
    batches = Batches(prepared, "people", TASKS, "train", size, 17)
    return [row for index in range(len(batches)) for row in batches.rows(epoch, index).tolist()]


def test_three_rows_without_a_label_come_up_for_each_with_one(tmp_path: Path) -> None:
    _, prepared = made(tmp_path)
    labelled = prepared.rows("rich", "train").tolist()
    first, second = rows_of(prepared, 0), rows_of(prepared, 1)
    assert len(first) == len(set(first)) == 4 * len(labelled)
    assert set(labelled) <= set(first)
    assert set(first) != set(second)
    assert first == rows_of(prepared, 0), "a function of seed and epoch"
    assert bool((prepared.tables["people"].part[first] == 1).all()), "none of the validation or test part"


def test_without_the_setting_none_comes_up(tmp_path: Path) -> None:
    _, prepared = made(tmp_path)
    plain = replace(prepared, unlabelled={})
    assert sorted(rows_of(plain, 0)) == prepared.rows("rich", "train").tolist()


def test_no_more_come_up_than_there_are(tmp_path: Path) -> None:
    _, prepared = made(tmp_path, ["tasks.rich.unlabelled.ratio=1000"])
    assert sorted(rows_of(prepared, 0)) == (prepared.tables["people"].part == 1).nonzero().flatten().tolist()


def test_other_tasks_see_the_labels_they_saw(tmp_path: Path) -> None:
    _, prepared = made(tmp_path)
    rows = torch.tensor(rows_of(prepared, 0))
    weights = gather(prepared, "people", rows).weights["loud"]
    assert sorted(rows[weights > 0].tolist()) == prepared.rows("loud", "train").tolist()


@pytest.mark.parametrize("balance", ["average", "upgrad", "famo", "modo"])
def test_stopped_anywhere_it_ends_the_same(tmp_path: Path, balance: str) -> None:
    changes = [f"balance={balance}"]
    straight, fitted = train(tmp_path, tmp_path / "straight", changes=changes)
    assert fitted.skipped == 0
    with pytest.raises(Stopped):
        train(tmp_path, tmp_path / "again", stop=4, changes=changes)
    again, _ = train(tmp_path, tmp_path / "again", resume=True, changes=changes)
    assert digest(straight.state_dict()) == digest(again.state_dict())
    assert left(tmp_path / "straight") == left(tmp_path / "again")
    assert float(straight.state_dict()["learning.ways.:rich.sure"].sum()) > 0, "what is counted is kept"


@pytest.mark.parametrize("mix", ["joint", "alternate"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_row_at_a_time(tmp_path: Path, mix: str, precision: str) -> None:
    """Most batches then have no label of any task."""
    changes = ["train.batch=1", f"train.mix={mix}", f"train.precision={precision}", "train.epochs=1"]
    model, fitted = train(tmp_path, changes=changes)
    assert fitted.skipped == 0
    assert all(bool(p.isfinite().all()) for p in model.parameters())


def test_they_are_learned_from(tmp_path: Path) -> None:
    recipe, prepared = made(tmp_path)
    model = build_model(recipe, prepared.layout).train()
    free = (~(prepared.tables["people"].labels["rich"][:, 0] >= 0)).nonzero().flatten()[1:9]
    batch = gather(prepared, "people", free)
    model.before_step(1.0)
    losses, present = model.losses([batch], {})
    assert not bool(present.any())
    assert not losses.requires_grad
    penalty = model.penalty()
    assert penalty is not None
    penalty.backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in model.head("degree").parameters())
    assert all(p.grad is None for p in model.head("loud").parameters())
    assert model.penalty() is None, "it is taken once"


def test_in_evaluation_nothing_is_taken_down(tmp_path: Path) -> None:
    recipe, prepared = made(tmp_path)
    model = build_model(recipe, prepared.layout).eval()
    model.losses([gather(prepared, "people", torch.arange(1, 9))], {})
    assert model.penalty() is None


@pytest.mark.parametrize(
    ("change", "found"),
    [("where=age > 0", "where"), ("given=loud", "given"), ("delay={at: age, window: 1 day}", "delay")],
)
def test_what_cannot_be_is_said(tmp_path: Path, change: str, found: str) -> None:
    words = rf"Task `rich`: `unlabelled` should stand without `where`, `delay` and `given`.*Found `{found}`\. Leave one"
    with pytest.raises(RecipeError, match=words):
        load_recipe(write_sparse(tmp_path), [f"tasks.rich.{change}"])


def test_a_kind_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"should be of kind pseudo, consistency. Found `psuedo`. Did you mean `pseudo`\?"):
        load_recipe(write_sparse(tmp_path), ["tasks.rich.unlabelled=psuedo"])
