"""The made-up shops are what they say: the second task's truth is the first's, its own, or pulls against it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from plait.recipe import Recipe
from plait.run.methods.synthetic import RELATIONS, Relation, synthetic_recipe, write_synthetic

ROWS = 60_000


def written(folder: Path, relation: Relation) -> dict[str, np.ndarray]:
    write_synthetic(folder / f"{relation}.parquet", relation, ROWS, seed=3)
    table = pq.read_table(folder / f"{relation}.parquet")
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_recipe_fits_the_table(tmp_path: Path, relation: Relation) -> None:
    columns = written(tmp_path, relation)
    recipe = Recipe.model_validate(synthetic_recipe(relation))
    assert {name.partition(".")[2] for name in recipe.features} <= set(columns)
    assert {task.label for task in recipe.tasks.values()} <= set(columns)
    assert len(columns["event"]) == ROWS


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.astype(float), second.astype(float))[0, 1])


def test_aligned_tasks_agree_where_both_are_known(tmp_path: Path) -> None:
    columns = written(tmp_path, "aligned")
    known = np.array([value is not None for value in columns["second"]])
    assert known.mean() == pytest.approx(0.25, abs=0.02)
    assert agreement(columns["first"][known], columns["second"][known]) > 0.2


def test_unrelated_tasks_do_not(tmp_path: Path) -> None:
    columns = written(tmp_path, "unrelated")
    assert abs(agreement(columns["first"], columns["second"])) < 0.02


def test_conflicting_tasks_agree_for_half_the_users_and_oppose_for_the_other_half(tmp_path: Path) -> None:
    columns = written(tmp_path, "conflicting")
    first = np.clip(columns["first"], -10, 10)
    half = columns["half"].astype(bool)
    with_it, against = (agreement(first[rows], columns["second"][rows]) for rows in (half, ~half))
    assert with_it > against + 0.05
    assert columns["second"].mean() == pytest.approx(0.05, abs=0.005)


def test_the_same_seed_gives_the_same_table(tmp_path: Path) -> None:
    one, two = written(tmp_path, "unrelated"), written(tmp_path, "unrelated")
    assert all(np.array_equal(one[name], two[name]) for name in one)
