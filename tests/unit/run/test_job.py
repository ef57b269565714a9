"""A whole job: the files it leaves, the keys of its report, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from plait.data.columns import PARTS
from plait.errors import RecipeError, RunError, Stopped
from plait.run import job
from plait.run.job import train
from plait.run.run import Run
from support.films import write_people


def test_a_run_leaves_the_promised_files(run: Run) -> None:
    promised = [
        "recipe.yaml",
        "report.json",
        "report.html",
        "figures.json",
        "weights.safetensors",
        "vocabulary",
        "log.jsonl",
        "tensorboard",
        "manifest.json",
    ]
    assert [name for name in promised if not (run.folder / name).exists()] == []
    assert not (run.folder / "phases").exists()


def test_report_json_has_the_keys_of_the_design(run: Run) -> None:
    report = json.loads((run.folder / "report.json").read_text())
    assert {"plait", "recipe", "seed", "data", "seconds", "examples_per_second", "parameters", "tasks", "gain"} <= {*report}
    assert {"rows", *PARTS} <= {*report["data"]}
    assert {"prepare", "train", "evaluate"} <= {*report["seconds"]}
    like = report["tasks"]["like"]
    assert like["metric"] == "auc"
    assert {*like["joint"]["auc"]} >= {"value", "low", "high"}
    assert {*like["gain"]} >= {"value", "low", "high", "verdict"}
    assert like["gain"]["verdict"] in ("better", "same", "worse")
    assert report["gain"] == pytest.approx(sum(t["gain"]["value"] for t in report["tasks"].values()) / 4)


def test_trees_are_a_baseline_where_they_can_be(run: Run) -> None:
    assert {name for name, task in run.report.tasks.items() if task.trees} == {"like", "stars"}


def test_the_log_is_one_json_object_a_line(run: Run) -> None:
    events = [json.loads(line)["event"] for line in (run.folder / "log.jsonl").read_text().splitlines()]
    assert events[0] == "started"
    assert events[-1] == "finished"


def test_the_resolved_recipe_trains_the_same_model(run: Run, films: Path, tmp_path: Path) -> None:
    again = train(run.folder / "recipe.yaml", tmp_path / "again", base=films, alone=False)
    first = {name: figure.value for name, figure in run.report.tasks["like"].joint.items()}
    assert {name: figure.value for name, figure in again.report.tasks["like"].joint.items()} == first


def test_a_finished_run_is_not_written_over(run: Run, films: Path) -> None:
    with pytest.raises(RecipeError, match=r"should be a new folder\. Found a finished run\. Choose another folder"):
        train(films / "recipe.yaml", run.folder)


def test_other_files_are_not_written_over(films: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(RecipeError, match="Found other files in it"):
        train(films / "recipe.yaml", tmp_path)


def test_resuming_nothing_is_refused(films: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="should hold an interrupted run to resume. Found nothing"):
        train(films / "recipe.yaml", tmp_path / "none", resume=True)


def test_resuming_a_finished_run_leaves_it_as_it_is(run: Run, films: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
    assert train(films / "recipe.yaml", run.folder, resume=True).report == run.report
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()} == before


def test_resuming_on_other_tables_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, out = write_people(tmp_path, rows=200), tmp_path / "run"

    def stop(*_: object) -> None:
        raise Stopped("before the run was written")

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(job, "write_run", stop)
        train(recipe, out, base=tmp_path, alone=False)
    rows = pq.read_table(tmp_path / "people.parquet")
    pq.write_table(rows.slice(0, 150), tmp_path / "people.parquet")
    with pytest.raises(RunError, match=r"on the tables it was started with.*Found other content in them now"):
        train(recipe, out, base=tmp_path, alone=False, resume=True)
    pq.write_table(rows, tmp_path / "people.parquet")
    assert train(recipe, out, base=tmp_path, alone=False, resume=True).report.data.rows == {"people": 200}


def test_resuming_with_another_recipe_is_refused(run: Run, films: Path) -> None:
    with pytest.raises(RecipeError, match="Found `train` changed since"):
        train(films / "recipe.yaml", run.folder, changes=["train.epochs=9"], resume=True)
