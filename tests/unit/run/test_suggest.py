"""`plait suggest`: which rows it lists for every kind of task, and what it says where there is nothing to list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.errors import DataError, RecipeError

if TYPE_CHECKING:
    from plait.run.run import Run

ROWS = 400


def _rows(start: int, labelled: bool) -> pa.Table:
    draw = np.random.default_rng(start)
    age, job = draw.integers(18, 90, ROWS), draw.integers(0, 3, ROWS)
    seen = (np.arange(ROWS) % 4 == 0) & labelled

    def some(values: list[Any]) -> pa.Array:
        return pa.array([value if there else None for value, there in zip(values, seen, strict=True)])

    return pa.table(
        {
            "person_id": np.arange(start, start + ROWS),
            "age": age,
            "job": [("cook", "nurse", "judge")[i] for i in job],
            "rich": some((age + draw.integers(0, 30, ROWS) > 70).tolist()),
            "degree": some([("none", "school", "college")[i] for i in draw.integers(0, 3, ROWS)]),
            "sports": some([["run", "swim"][: i % 3] for i in age.tolist()]),
            "stars": some((1 + age % 3).tolist()),
            "pay": some((age * 10.0).tolist()),
        }
    )


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Run:
    from plait.run.job import train

    folder = tmp_path_factory.mktemp("people")
    pq.write_table(_rows(1, labelled=True), folder / "people.parquet")
    own = {"table": "people", "inputs": ["people.age", "people.job"]}
    recipe: dict[str, Any] = {
        "name": "people",
        "tables": {"people": {"source": "people.parquet", "id": "person_id"}},
        "features": {"people.person_id": "ignore", "people.age": "number", "people.job": "category"},
        "tasks": {
            "rich": {**own, "kind": "binary", "label": "rich"},
            "degree": {**own, "kind": "multiclass", "label": "degree"},
            "sports": {**own, "kind": "multilabel", "label": "sports"},
            "stars": {**own, "kind": "ordinal", "label": "stars"},
            "pay": {**own, "kind": "regression", "label": "pay"},
            "range": {**own, "kind": "regression", "label": "pay", "loss": {"kind": "quantile", "levels": [0.1, 0.5, 0.9]}},
            "spend": {**own, "kind": "amount", "label": "pay"},
            "old": {**own, "kind": "binary", "label": "rich", "where": "age > 50"},
        },
        "split": {"by": "random", "valid": 0.1, "test": 0.1},
        "model": {"width": 4, "sharing": {"kind": "shared_bottom", "layers": [8]}, "tower": [4]},
        "train": {"epochs": 2, "batch": 64},
    }
    return train(recipe, folder / "run", base=folder, alone=False)


def _suggested(run: Run, tmp_path: Path, task: str, by: str, count: int = 12, table: Path | None = None) -> pa.Table:
    from plait.run.suggest import suggest_file

    out = tmp_path / f"{task}.{by}.parquet"
    _, data = suggest_file(run.folder, task, table, out, count, by)
    assert isinstance(data, dict)
    found = pq.read_table(out)
    assert data["rows"] == found.num_rows
    return found


def _new(tmp_path: Path, labelled: bool = False) -> Path:
    path = tmp_path / "new.parquet"
    pq.write_table(_rows(5000, labelled), path)
    return path


@pytest.mark.parametrize("task", ["rich", "degree", "sports", "stars", "range"])
@pytest.mark.parametrize("by", ["entropy", "badge", "diverse"])
def test_every_kind_of_task_has_a_list(people: Run, tmp_path: Path, task: str, by: str) -> None:
    found = _suggested(people, tmp_path, task, by)
    assert found.column_names == ["row", "person_id", "score", "why"]
    assert found["row"].to_pylist() == found["person_id"].to_pylist()  # the ids of this table are numbers of rows
    assert len(set(found["row"].to_pylist())) == 12
    assert all(found["why"].to_pylist())
    assert found.equals(_suggested(people, tmp_path, task, by)), "the list should be the same each time"


@pytest.mark.parametrize("by", ["entropy", "margin", "least_confident"])
def test_the_least_sure_come_first(people: Run, tmp_path: Path, by: str) -> None:
    new = _new(tmp_path)
    found = _suggested(people, tmp_path, "rich", by, 20, new)
    chance = people.predict(pq.read_table(new, columns=["age", "job"]), of="people")["rich"].to_numpy()
    wanted = np.argsort(np.abs(chance - 0.5), kind="stable")[:20] + 1
    assert np.abs(chance[found["row"].to_numpy() - 1] - 0.5) == pytest.approx(np.abs(chance[wanted - 1] - 0.5), abs=1e-6)
    assert found["score"].to_pylist() == sorted(found["score"].to_pylist(), reverse=True)
    assert found["why"][0].as_py() == f"probability {chance[found['row'][0].as_py() - 1]:.3f}"
    assert found["person_id"].to_pylist() == [4999 + row for row in found["row"].to_pylist()]


def test_the_widest_quantiles_come_first(people: Run, tmp_path: Path) -> None:
    new = _new(tmp_path)
    found = _suggested(people, tmp_path, "range", "entropy", 5, new)
    said = people.predict(pq.read_table(new, columns=["age", "job"]), of="people")
    width = said["range.q90"].to_numpy() - said["range.q10"].to_numpy()
    first = found["row"][0].as_py() - 1
    assert width[first] == pytest.approx(width.max())
    assert found["score"][0].as_py() == pytest.approx(width.max() / people.layout.tasks["range"].std, rel=1e-5)
    assert "q10 to q90" in found["why"][0].as_py()


def test_only_training_rows_without_a_label_are_listed(people: Run, tmp_path: Path) -> None:
    found = _suggested(people, tmp_path, "rich", "entropy", 10_000)
    own = people.prepared.tables["people"]
    wanted = (own.labels["rich"][:, 0].isnan() & (own.part == 1)).nonzero().flatten().tolist()
    assert sorted(found["row"].to_pylist()) == wanted
    assert len(wanted) < ROWS


def test_rows_of_a_file_that_have_a_label_are_not_listed(people: Run, tmp_path: Path) -> None:
    found = _suggested(people, tmp_path, "rich", "diverse", 10_000, _new(tmp_path, labelled=True))
    assert sorted(found["row"].to_pylist()) == [row for row in range(1, ROWS + 1) if row % 4 != 1]


def test_rows_outside_the_sample_space_are_not_listed(people: Run, tmp_path: Path) -> None:
    new = _new(tmp_path)
    found = _suggested(people, tmp_path, "old", "badge", 10_000, new)
    assert pq.read_table(new).take(pa.array(found["row"].to_numpy() - 1))["age"].to_numpy().min() > 50
    with pytest.raises(RecipeError, match=r"Task `old` counts rows where `age > 50`.*--table FILE with rows of `people`"):
        _suggested(people, tmp_path, "old", "badge")


def test_more_than_there_are(people: Run, tmp_path: Path) -> None:
    from plait.run.suggest import suggest_file

    lines, _ = suggest_file(people.folder, "rich", _new(tmp_path), tmp_path / "all.csv", 900, "badge")
    assert lines[0].startswith("400 of 400 rows of ")
    assert lines[1] == "900 were asked for; these are all there are."
    assert (tmp_path / "all.csv").read_text().startswith('"row","person_id","score","why"')


def test_one_row(people: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    pq.write_table(_rows(5000, labelled=False).slice(0, 1), path)
    for by in ("entropy", "diverse", "badge"):
        assert _suggested(people, tmp_path, "degree", by, 3, path)["row"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "richh"}, r"`--task` should be a task of the run: .*Found `richh`. Did you mean `rich`\?"),
        ({"by": "entropie"}, r"`--by` should be one of entropy, .*Found `entropie`. Did you mean `entropy`\?"),
        ({"out": Path("rows.xlsx")}, r"`--out` should end in .parquet or .csv. Found `rows.xlsx`."),
        ({"task": "pay"}, r"`--by` should be diverse for task `pay`, because .* or give the task `loss: \{kind: quantile"),
        ({"task": "spend"}, r"`--by` should be diverse for task `spend`, because .*kind amount.*Choose `--by diverse`\."),
    ],
)
def test_what_cannot_be_is_said(people: Run, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    from plait.run.suggest import suggest_file

    asked: dict[str, Any] = {"task": "rich", "table": None, "out": tmp_path / "a.csv", "count": 3, "by": "badge", **change}
    with pytest.raises(RecipeError, match=words):
        suggest_file(people.folder, **asked)
    assert not list(tmp_path.iterdir())


def test_a_value_without_a_spread_can_still_be_spread_out(people: Run, tmp_path: Path) -> None:
    assert _suggested(people, tmp_path, "pay", "diverse", 4).num_rows == 4


def test_no_row_without_a_label(people: Run, tmp_path: Path) -> None:
    path = tmp_path / "full.parquet"
    rows = _rows(1, labelled=True)
    pq.write_table(rows.take(pa.array(range(0, ROWS, 4))), path)
    with pytest.raises(DataError, match=r"should be rows without a label of task `rich`.*Found none in `.*full.parquet`"):
        _suggested(people, tmp_path, "rich", "badge", 3, path)
