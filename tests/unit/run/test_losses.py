"""Losses and weights through a whole job: what decides, what is predicted, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import RecipeError
from plait.recipe import load_recipe
from plait.run.job import train
from plait.run.run import Run
from support.films import write_people

QUANTILE = {"table": "people", "kind": "regression", "label": "age", "loss": "quantile"}


def recipe_of(folder: Path) -> dict[str, Any]:
    recipe = write_people(folder, rows=600)
    recipe["features"]["people.spend"] = "ignore"
    recipe["features"]["people.degree"] = "category"
    table = pq.read_table(folder / "people.parquet")
    draw = np.random.default_rng(5)
    some = draw.random(600) < 0.3
    spend = np.where(some, np.exp(draw.normal(size=600) + 2), 0.0)
    pq.write_table(table.append_column("spend", pa.array(spend)), folder / "people.parquet")
    people = {"table": "people"}
    recipe["tasks"] = {
        "rich": {**people, "kind": "binary", "label": "rich", "loss": "focal", "class_weight": {1: 5}, "smoothing": 0.02},
        "age": QUANTILE,
        "spend": {**people, "kind": "amount", "label": "spend", "loss": "lognormal"},
        "grey": {**people, "kind": "binary", "label": "age > 80", "resample": {0: 0.3, 1: 2}},
        "job": {**people, "kind": "multiclass", "label": "job", "class_weight": "effective"},
        "old": {**people, "kind": "regression", "label": "age", "loss": {"kind": "huber", "delta": 2.0}},
    }
    return recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("losses")
    return train(recipe_of(folder), folder / "run", base=folder, alone=False, trees=True)


def test_the_deciding_figure_fits_the_loss(run: Run) -> None:
    decided = {name: task.metric for name, task in run.report.tasks.items()}
    assert decided == {"rich": "auc", "age": "pinball", "spend": "gini", "grey": "auc", "job": "accuracy", "old": "mae"}
    age = run.report.tasks["age"]
    assert {"pinball", "quantile_error", "mae"} <= {*age.joint}
    assert age.trees["pinball"].value is not None


def test_quantiles_have_a_column_each_beside_the_middle(run: Run) -> None:
    found = run.predict(pq.read_table(run.folder.parent / "people.parquet").slice(0, 20))
    assert [name for name in found.column_names if name.startswith("age")] == ["age", "age.q10", "age.q50", "age.q90"]
    low, middle, high = (found[f"age.{name}"].to_numpy() for name in ("q10", "q50", "q90"))
    assert bool((low <= middle).all())
    assert bool((middle <= high).all())
    assert np.array_equal(found["age"].to_numpy(), middle)


def test_the_resolved_recipe_reads_back(run: Run) -> None:
    again = load_recipe(run.folder / "recipe.yaml")
    assert again.tasks == run.recipe.tasks


def test_a_figure_that_says_nothing_about_the_loss_is_refused(tmp_path: Path) -> None:
    recipe = write_people(tmp_path)
    recipe["tasks"] = {"age": {**QUANTILE, "loss": {"kind": "quantile", "levels": [0.9]}, "metric": "rmse"}}
    with pytest.raises(
        RecipeError, match="Task `age`: `metric` should be one that can decide a regression task: pinball, quan"
    ):
        load_recipe(recipe)


def test_a_misspelt_loss_names_those_there_are(tmp_path: Path) -> None:
    recipe = write_people(tmp_path)
    recipe["tasks"] = {"age": {**QUANTILE, "loss": "quantil"}}
    with pytest.raises(RecipeError, match="squared, huber, quantile. Found `quantil`. Did you mean"):
        load_recipe(recipe)


def test_the_report_says_what_each_task_minimised(run: Run) -> None:
    said = {name: task.objective for name, task in run.report.tasks.items()}
    assert said["age"] == "loss quantile (levels: 0.1, 0.5, 0.9)"
    assert said["grey"] == "loss cross entropy; resample (0: 0.3, 1: 2)"
    assert said["job"] == "loss cross entropy; class weight effective (beta: 0.9999)"
    assert said["old"] == "loss huber (delta: 2)"
    assert "loss focal (gamma: 2); class weight given (weights: (1: 5)); smoothing 0.02" in said["rich"]
    page = (run.folder / "report.html").read_text()
    assert said["grey"] in page and said["rich"] in page
