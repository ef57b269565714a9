"""Every kind of bad input has a defined answer that names table, column, row and count."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tests.unit.data.shop import Letters

from plait.data.columns import Prepared
from plait.data.files import appearing, mapped_matrix, read_parquet
from plait.data.prepare import load, prepare
from plait.data.text.vectors import encode_texts
from plait.errors import CorruptError, DataError, PlaitError, RecipeError
from plait.schema import Category, Id, Number, Schema, Split, Table, Task, Time


def _one(folder: Path, columns: dict[str, Any], split: Split | None = None, **task: Any) -> Prepared:
    """Prepare one table `t` with a number `x` and one task `y`."""
    pq.write_table(pa.table(columns), folder / "t.parquet")
    settings = {"table": "t", "kind": "binary", "label": "y"} | task
    features = (
        {f"t.{c}": Number() for c in columns if c.startswith("x")}
        | {f"t.{c}": Category() for c in columns if c.startswith("c")}
        | {f"t.{c}": Time() for c in columns if c.startswith("w")}
    )
    schema = Schema(
        tables={"t": Table(source="t.parquet")},
        features=features,  # type: ignore[arg-type]
        tasks={"y": Task(**settings)},
        split=split or Split(),
        seed=1,
    )
    return prepare(schema, folder, folder / "cache")


def _two(folder: Path, ids: list[Any], keys: list[Any]) -> Prepared:
    pq.write_table(pa.table({"id": ids, "c": ["a"] * len(ids)}), folder / "things.parquet")
    pq.write_table(pa.table({"thing": keys, "y": [i % 2 for i in range(len(keys))]}), folder / "events.parquet")
    schema = Schema(
        tables={
            "events": Table(source="events.parquet", keys={"thing": "things"}),
            "things": Table(source="things.parquet", id="id"),
        },
        features={"things.id": Id(), "things.c": Category()},
        tasks={"y": Task(table="events", kind="binary", label="y")},
        split=Split(),
        seed=1,
    )
    return prepare(schema, folder, folder / "cache")


X = list(np.arange(20.0))
Y = [0, 1] * 10


def test_missing_file_and_column(tmp_path: Path) -> None:
    (tmp_path / "ratings.parquet").touch()
    schema = Schema(
        tables={"r": Table(source="rating.parquet")},
        features={},
        tasks={"y": Task(table="r", kind="binary", label="y")},
        split=Split(),
        seed=1,
    )
    with pytest.raises(
        DataError, match=r"Table `r`: source `rating.parquet` should name a file.*Did you mean `ratings.parquet`"
    ):
        prepare(schema, tmp_path, tmp_path / "cache")
    with pytest.raises(RecipeError, match="Label of task `y`: `w > 1` names `w`, which is no column of table `t`"):
        _one(tmp_path, {"x": X, "y": Y}, label="w > 1")
    with pytest.raises(RecipeError, match="`yy` .*Did you mean `y`"):
        _one(tmp_path, {"x": X, "y": Y}, label="yy")
    assert list((tmp_path / "cache").glob(".*")) == []


@pytest.mark.parametrize(
    ("kind", "labels", "said"),
    [
        ("binary", [None] * 20, "should be observed in some row of table `t`. Found NULL in all 20 rows"),
        ("binary", [1] * 20, "should be 0 in some rows and 1 in others. Found only 1 in all 20 observed rows"),
        ("binary", [0, 1, -1, 2] * 5, "should be 0 or 1.*Found -1, 2 in 10 rows of table `t`, first in row 3"),
        ("binary", ["yes", "no"] * 10, "should be 0 or 1, or false or true. Found string such as `yes` in row 1"),
        ("multiclass", ["a"] * 20, r"at least two classes in the training part. Found \['a'\]"),
        ("regression", [1.0, np.inf] * 10, "should be a finite number.*Found inf in 10 rows of table `t`, first in row 2"),
        ("amount", [3.0, -0.5] * 10, "should be an amount of 0 or more.*Found -0.5 in 10 rows"),
        ("multilabel", ["a|b"] * 20, r"should be a list per row. Found string. Write `string_split\(y, '|'\)`"),
        ("ranking", [1, 2] * 10, "ranking task should say in `group`"),
        ("retrieval", [1, 2] * 10, "label of a retrieval task should be a key column of table `t`"),
        ("relatedness", [1, 0] * 10, "relatedness table should have two keys"),
    ],
)
def test_labels_outside_their_kind(tmp_path: Path, kind: str, labels: list[Any], said: str) -> None:
    with pytest.raises((DataError, RecipeError), match=f"(?s)Task `y`.*{said}"):
        _one(tmp_path, {"x": X, "y": labels}, kind=kind)


def test_labels_nearly_all_null_train(tmp_path: Path) -> None:
    made = _one(tmp_path, {"x": list(range(200)), "y": [i % 2 if i % 11 == 0 else None for i in range(200)]})
    assert sum(len(made.rows("y", part)) for part in ("train", "valid", "test")) == 19
    assert any("observed in 9.5% of the rows" in note for note in made.plan.notes)


def test_labels_all_in_the_test_part(tmp_path: Path) -> None:
    parts = ["train"] * 10 + ["test"] * 10
    with pytest.raises(
        DataError, match="training part of table `t`. Found 10 observed rows, none of them in the training part"
    ):
        _one(tmp_path, {"x": X, "y": [None] * 10 + [0, 1] * 5, "p": parts}, Split(by="column", column="p"))


def test_classes_that_only_the_test_part_has(tmp_path: Path) -> None:
    labels = ["a", "b"] * 9 + ["new", "a"]
    made = _one(
        tmp_path,
        {"x": X, "y": labels, "p": ["train"] * 16 + ["valid"] * 2 + ["test"] * 2},
        Split(by="column", column="p"),
        kind="multiclass",
    )
    assert made.layout.tasks["y"].classes == ["a", "b"]
    assert made.layout.tasks["y"].class_rate == [0.5, 0.5]
    assert len(made.rows("y", "test")) == 1
    assert any("1 labels are of classes that no training row has" in note for note in made.plan.notes)


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_and_of_one_row(tmp_path: Path, rows: int) -> None:
    table = {"x": pa.array(X[:rows]), "y": pa.array([2.5][:rows], pa.float64())}
    if rows == 0:
        with pytest.raises(DataError, match="label `y` needs rows, but table `t` has 0"):
            _one(tmp_path, table, kind="regression")
        return
    made = _one(tmp_path, table, kind="regression")
    assert made.rows("y", "train").tolist() == [1]
    assert (made.layout.tasks["y"].mean, made.layout.tasks["y"].std) == (2.5, 1.0)
    with pytest.raises(DataError, match="Found only 1 in all 1 observed rows"):
        _one(tmp_path, {"x": X[:1], "y": [1]})


def test_a_side_table_of_no_rows(tmp_path: Path) -> None:
    made = _two(tmp_path, pa.array([], pa.int64()), [1, 2] * 10)
    assert made.tables["things"].matrix.shape[0] == 1
    assert not made.tables["events"].matrix[:, 0].any()
    assert "20 of 20 rows have no partner in table `things`, first `1` in row 1" in made.plan.notes[0]


def test_ids_twice_and_ids_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`things.id` .* Found 2 rows too many: `7` in rows 2, 3, 5, and 0 other"):
        _two(tmp_path, [6, 7, 7, 8, 7], [6, 7] * 10)
    with pytest.raises(DataError, match="should not be NULL. Found NULL in 1 of 3 rows, first in row 2"):
        _two(tmp_path, [6, None, 8], [6, 8] * 10)


def test_fractional_ids_join_where_they_are_whole(tmp_path: Path) -> None:
    made = _two(tmp_path, [1, 2, 3], [1.0, 2.0, 2.5, None] * 5)
    assert made.tables["events"].matrix[1:5, 0].tolist() == [1, 2, 0, 0]
    assert "5 of 20 rows have no partner in table `things`, first `2.5` in row 3" in made.plan.notes[0]
    made = _two(tmp_path, [1.0, 2.5, 3.0], [1, 2, 3, 3] * 5)
    assert made.tables["events"].matrix[1:5, 0].tolist() == [1, 0, 3, 3]


def test_infinite_and_missing_numbers_and_odd_text(tmp_path: Path) -> None:
    columns = {"x": [np.inf, -np.inf, np.nan, None, 1.0, 2.0] * 5, "c": ["", "日本", None, "é", "e\u0301", "x" * 5000] * 5}
    made = _one(tmp_path, {**columns, "y": [0, 1] * 15})
    table = made.tables["t"]
    numbers = table.matrix[:, table.layout.codes :].contiguous().view(torch.float32)
    assert torch.isfinite(numbers).all()
    assert numbers[1:7, 1].tolist() == [1, 1, 1, 1, 0, 0]
    assert len(set(table.matrix[1:7, 0].tolist())) == 6, "an empty text is a value; NULL is none"
    assert table.matrix[3, 0] == 0


def test_columns_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`t.x` is read as number and should hold numbers. Found string `abc` in row 2"):
        _one(tmp_path, {"x": ["1", "abc"] * 10, "y": Y})
    with pytest.raises(DataError, match="`t.w` should hold moments.*Found `soon` in row 2"):
        _one(tmp_path, {"w": ["2020-01-01", "soon"] * 10, "x": X, "y": Y})
    with pytest.raises(DataError, match="`t.x` is read as number and should hold numbers. Found list"):
        _one(tmp_path, {"x": [[1.0]] * 20, "y": Y})


def test_types_that_hold_no_plain_value(tmp_path: Path) -> None:
    nested = pa.array([{"a": 1}] * 20)
    with pytest.raises(DataError, match="`t.c` is read as category and should hold one plain value per row. Found struct"):
        _one(tmp_path, {"c": nested, "y": Y})
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b"ok"], pa.binary()).buffers())
    with pytest.raises(DataError, match="`t.w` is read as text and should hold UTF-8 text"):
        encode_texts("t.w", broken, Letters(), None)
    made = _one(tmp_path, {"c": [b"\xff", b"\x01"] * 10, "y": Y})
    assert made.plan.vocabulary("t.c").values.to_pylist() == ["01", "ff"]


def test_odd_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"日本 / x": X, "a.b": Y, "id": list(range(20))}), tmp_path / "t.parquet")
    table = "../films 日本"
    schema = Schema(
        tables={table: Table(source="t.parquet", id="id")},
        features={f"{table}.日本 / x": Number()},
        tasks={"a:b/c": Task(table=table, kind="binary", label='"a.b" = 1')},
        split=Split(),
        seed=1,
    )
    with pytest.raises(RecipeError):
        prepare(schema, tmp_path, tmp_path / "cache")
    table = "films/日本"
    schema = schema.model_copy(
        update={
            "tables": {table: Table(source="t.parquet", id="id")},
            "features": {f"{table}.日本 / x": Number()},
            "tasks": {"a:b/c": Task(table=table, kind="binary", label='"a.b" = 1')},
        }
    )
    made = prepare(schema, tmp_path, tmp_path / "cache")
    again = load(made.folder)
    assert len(again.rows("a:b/c", "train")) == 16
    assert again.raw(table, torch.tensor([2])).column("日本 / x").to_pylist() == [1.0]


def test_expressions_that_cannot_be(tmp_path: Path) -> None:
    for label, said in (
        ("y >=", "should be an SQL expression"),
        ("sum(y)", "no aggregate"),
        ("foo(y)", "cannot be evaluated"),
        ("(select 1)", "no statement|should be an SQL"),
        ("y = 1; drop table t", "should be an SQL|cannot be evaluated|no statement"),
    ):
        with pytest.raises(RecipeError, match=f"(?s)Label of task `y`.*({said})"):
            _one(tmp_path, {"x": X, "y": Y}, label=label)
    with pytest.raises(RecipeError, match="`where` of task `y`: `x \\+ 1` on table `t` should be a condition"):
        _one(tmp_path, {"x": X, "y": Y}, where="x + 1")
    with pytest.raises(DataError, match="finite number of 0 or more. Found -1 in row 1 of table `t`, and 1 such rows"):
        _one(tmp_path, {"x": X, "y": Y}, sample_weight="x - 1")


@pytest.mark.parametrize("damage", ["cut", "flip", "text"])
def test_a_damaged_source_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"x": np.random.default_rng(0).normal(size=5000), "y": [0, 1] * 2500})
    pq.write_table(table, path, row_group_size=1000, compression="none", use_dictionary=False, write_page_checksum=True)
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[20000] ^= 4
    path.write_bytes(data[:9000] if damage == "cut" else data if damage == "flip" else b"not parquet at all")
    schema = Schema(
        tables={"t": Table(source="t.parquet")},
        features={"t.x": Number()},
        tasks={"y": Task(table="t", kind="binary", label="y")},
        split=Split(),
        seed=1,
    )
    said = (
        r"t\.parquet: row group 1, column `x` cannot be read" if damage == "flip" else r"t\.parquet: the file is truncated"
    )
    with pytest.raises(CorruptError, match=said):
        prepare(schema, tmp_path, tmp_path / "cache")


def test_a_damaged_prepared_folder_is_named_and_made_again(tmp_path: Path) -> None:
    made = _one(tmp_path, {"x": X, "y": Y})
    file = made.folder / "tables" / "t.parquet"
    data = bytearray(file.read_bytes())
    place = data.index(np.float32(made.tables["t"].labels["y"][5, 0]).tobytes() * 1, 100)
    data[place + 1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptError, match=r"t\.parquet: (row group 1, column `.*`|the file) cannot be read"):
        load(made.folder)
    again = _one(tmp_path, {"x": X, "y": Y})
    assert torch.equal(again.tables["t"].matrix, made.tables["t"].matrix)
    load(again.folder)
    (made.folder / "plan.json").write_text("{}")
    with pytest.raises(CorruptError, match=r"plan.json was altered: its SHA-256"):
        load(made.folder)
    (made.folder / "plan.json").unlink()
    with pytest.raises(CorruptError, match=r"plan.json is missing"):
        load(made.folder)
    (made.folder / "manifest.json").unlink()
    with pytest.raises(CorruptError, match=r"manifest.json should list the SHA-256"):
        load(made.folder)


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    true_write = pq.ParquetWriter.write_table

    def full(*args: Any, **kwargs: Any) -> None:
        written.append(1)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        true_write(*args, **kwargs)

    pq.write_table(pa.table({"x": X, "y": Y}), tmp_path / "t.parquet")
    schema = Schema(
        tables={"t": Table(source="t.parquet")},
        features={"t.x": Number()},
        tasks={"y": Task(table="t", kind="binary", label="y"), "z": Task(table="t", kind="regression", label="y + 1")},
        split=Split(),
        seed=1,
    )
    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    schema = schema.model_copy(update={"tables": {"t": Table(source="t.parquet", id="x")}})
    with pytest.raises(PlaitError, match="needs more space than the disk has; .* MiB are free. Nothing half-written"):
        prepare(schema, tmp_path, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.undo()
    prepare(schema, tmp_path, tmp_path / "cache")


def test_an_interruption_leaves_nothing_and_the_first_to_finish_wins(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    made = _one(tmp_path, {"x": X, "y": Y})
    schema = made.plan.schema.model_copy(update={"seed": 2})
    with pytest.raises(KeyboardInterrupt):
        prepare(schema, tmp_path, tmp_path / "cache", tell=stop)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [made.folder.name]
    with appearing(tmp_path / "f") as late:
        (late / "late").touch()
        with appearing(tmp_path / "f") as early:
            (early / "early").touch()
    assert [p.name for p in (tmp_path / "f").iterdir()] == ["early"]
    assert not list(tmp_path.glob(".f*"))


def test_a_full_disk_under_a_memory_mapped_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with (
        pytest.raises(PlaitError, match=r"t\.matrix needs more space than the disk has"),
        appearing(tmp_path / "f") as folder,
    ):
        mapped_matrix(folder / "t.matrix", (10, 10))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".f.99999999.abc").mkdir()
    (tmp_path / f".f.{os.getpid()}.abc").mkdir()
    with appearing(tmp_path / "f") as folder:
        (folder / "x").touch()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".f.{os.getpid()}.abc", "f"]


def test_a_missing_file_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="is missing from its folder"):
        read_parquet(tmp_path / "none.parquet")
