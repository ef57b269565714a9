"""A finished run, loaded again: checked byte for byte, predicting as it did."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import CorruptError, DataError, RecipeError, RunError
from plait.run.evaluate import compare, evaluate
from plait.run.predict import predict_file
from plait.run.run import Run, load


def test_predictions_of_the_test_rows_are_those_of_the_report(run: Run, films: Path) -> None:
    ratings = pq.read_table(films / "ratings.parquet")
    scores = run.predict(ratings, "ratings")
    rows = run.prepared.rows("stars", "test").numpy() - 1
    kept = pq.read_table(run.folder / "predictions" / "joint-stars.parquet")
    # Not to the bit: the rows stand in chunks of other sizes.
    np.testing.assert_allclose(scores["stars"].to_numpy()[rows], kept["prediction_0"].to_numpy(), rtol=1e-5)


def test_scores_keep_the_order_and_the_keys(run: Run, films: Path) -> None:
    rows = pq.read_table(films / "ratings.parquet").slice(0, 7).drop_columns(["stars"])
    scores = run.predict(rows)
    assert set(scores.column_names[:2]) == {"user_id", "film_id"}
    assert scores["film_id"].to_pylist() == rows["film_id"].to_pylist()
    assert np.logical_and(scores["like"].to_numpy() > 0, scores["like"].to_numpy() < 1).all()
    assert len(scores["next"][0]) == 10
    assert set(scores["next"][0].as_py()) <= set(pq.read_table(films / "films.parquet")["film_id"].to_pylist())


@pytest.mark.parametrize("count", [0, 1])
def test_no_row_and_one_row(run: Run, films: Path, count: int) -> None:
    rows = pq.read_table(films / "ratings.parquet").slice(0, count)
    assert run.predict(rows, "ratings").num_rows == count


def test_ids_never_seen_are_ordinary(run: Run) -> None:
    rows = pa.table({"user_id": [10**9, None], "film_id": ["never", None]})
    assert np.isfinite(run.predict(rows, "ratings")["stars"].to_numpy()).all()


@pytest.mark.parametrize("kind", [None, pa.null(), pa.string()])
def test_the_label_of_a_table_need_not_be_there(run: Run, films: Path, kind: pa.DataType | None) -> None:
    rows = pq.read_table(films / "films.parquet").slice(0, 7)
    bare = rows.drop_columns(["genres"])
    if kind is not None:
        bare = bare.append_column("genres", pa.nulls(7, kind))
    scores, with_labels = run.predict(bare, "films"), run.predict(rows, "films")
    assert scores.column_names == with_labels.column_names
    np.testing.assert_allclose(scores["genre.drama"].to_numpy(), with_labels["genre.drama"].to_numpy(), rtol=1e-5)


def test_a_column_of_no_labels_is_no_label(run: Run, films: Path, tmp_path: Path) -> None:
    rows = pq.read_table(films / "films.parquet").drop_columns(["genres"])
    pq.write_table(rows.append_column("genres", pa.nulls(rows.num_rows)), tmp_path / "films.parquet")
    with pytest.raises(DataError, match="should hold the labels of at least one task"):
        evaluate(run.folder, tmp_path / "films.parquet", "films")


def test_rows_of_no_table_are_refused(run: Run) -> None:
    with pytest.raises(DataError, match="should hold the columns of one of the tables"):
        run.predict(pa.table({"x": [1]}))
    with pytest.raises(RecipeError, match=r"Found `rating`\. Did you mean `ratings`\?"):
        run.predict(pa.table({"x": [1]}), "rating")


def test_a_file_is_scored_into_csv_and_parquet(run: Run, films: Path, tmp_path: Path) -> None:
    for name in ("scores.csv", "scores.parquet"):
        lines, _ = predict_file(run.folder, films / "ratings.parquet", tmp_path / name, "ratings")
        assert lines[0].startswith("900 rows scored")
        assert (tmp_path / name).stat().st_size > 0
    with pytest.raises(RecipeError, match=r"should end in \.parquet or \.csv"):
        predict_file(run.folder, films / "ratings.parquet", tmp_path / "scores.xlsx", "ratings")


def test_other_rows_are_measured(run: Run, films: Path) -> None:
    lines, data = evaluate(run.folder, films / "ratings.parquet", "ratings")
    assert isinstance(data, dict)
    assert set(data["tasks"]) == {"like", "stars", "next"}
    assert any("AUC" in line and "(decides)" in line for line in lines)


def test_rows_without_labels_cannot_be_measured(run: Run, films: Path, tmp_path: Path) -> None:
    rows = pq.read_table(films / "ratings.parquet").drop_columns(["stars", "film_id"])
    pq.write_table(rows.append_column("film_id", pa.nulls(rows.num_rows, pa.string())), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match="should hold the labels of at least one task"):
        evaluate(run.folder, tmp_path / "rows.parquet", "ratings")


def test_runs_stand_side_by_side(run: Run) -> None:
    lines, rows = compare([run.folder, run.folder])
    assert lines[0].split()[:2] == ["task", "figure"]
    assert isinstance(rows, list)
    assert {row["task"] for row in rows} == set(run.report.tasks)


def test_every_damage_is_found(run: Run, tmp_path: Path) -> None:
    draw = random.Random(5)
    copy = tmp_path / "copy"
    shutil.copytree(run.folder, copy)
    left_out = ("log.jsonl", "tensorboard")
    files = [f for f in sorted(copy.rglob("*")) if f.is_file() and f.relative_to(copy).parts[0] not in left_out]
    for path in draw.sample(files, 12):
        before = path.read_bytes()
        place = draw.randrange(len(before))
        changes = {
            "flipped": before[:place] + bytes([before[place] ^ (1 << draw.randrange(8))]) + before[place + 1 :],
            "cut": before[:place],
        }
        for changed in changes.values():
            path.write_bytes(changed)
            with pytest.raises((CorruptError, RunError)):
                load(copy)
        path.unlink()
        with pytest.raises((CorruptError, RunError)):
            load(copy)
        path.write_bytes(before)
    assert load(copy).report == run.report


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="should hold `manifest.json`. Found none: it is no run folder"):
        load(tmp_path)
    (tmp_path / "recipe.yaml").write_text("name: tables\n")
    with pytest.raises(RunError, match="it is no run folder"):
        load(tmp_path)
    with pytest.raises(RunError, match="Found no such folder"):
        load(tmp_path / "none")
