"""Runs whose test part is empty: every kind of task is trained, saved and used, and its figures say that there are none."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from plait.run.job import train
from plait.run.predict import predict
from plait.run.run import Run
from support.films import write_films, write_people


@pytest.fixture(scope="module", params=["films", "people"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("whole")
    recipe = (write_films if request.param == "films" else write_people)(folder)
    recipe["split"] = {"by": "random", "valid": 0, "test": 0}
    return train(recipe, folder / "run", base=folder, alone=True)


def test_figures_say_that_there_is_nothing_to_measure(run: Run) -> None:
    for task in run.report.tasks.values():
        assert task.examples["test"] == 0
        for figure in task.joint.values():
            assert figure.value is None and figure.reason
    assert run.report.hurt == []


def test_no_rows_are_scored(run: Run) -> None:
    for name, table in run.recipe.tables.items():
        if table.source is None or name not in {task.table for task in run.recipe.tasks.values()}:
            continue
        rows = pq.read_table(run.folder.parent / table.source)
        none, some = predict(run, rows.slice(0, 0), name), predict(run, rows.slice(0, 2), name)
        assert none.num_rows == 0
        assert none.schema == some.schema
