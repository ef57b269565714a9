"""The named operations of the engine, on every kind of source."""

from __future__ import annotations

import gzip
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.engine import Engine
from plait.errors import CorruptError, DataError, MissingExtraError, RecipeError
from plait.schema import Table

ROWS = pa.table({"id": [3, 1, 2], "name": ["ü", None, "a"], "score": [1.5, float("nan"), float("inf")]})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with the table `t` in memory."""
    with Engine(tmp_path) as made:
        made.add("t", ROWS)
        yield made


def _write(folder: Path, kind: str) -> str:
    if kind == "parquet":
        pq.write_table(ROWS, folder / "t.parquet")
        return "t.parquet"
    if kind == "folder":
        (folder / "t").mkdir()
        pq.write_table(ROWS.slice(2), folder / "t" / "b.parquet")
        pq.write_table(ROWS.slice(0, 2), folder / "t" / "a.parquet")
        (folder / "t" / "_SUCCESS").touch()
        return "t"
    if kind == "glob":
        pq.write_table(ROWS.slice(0, 2), folder / "t1.parquet")
        pq.write_table(ROWS.slice(2), folder / "t2.parquet")
        return "t*.parquet"
    if kind == "sqlite":
        with closing(sqlite3.connect(folder / "shop.db")) as there:
            there.execute("CREATE TABLE t (id INTEGER, name TEXT, score REAL)")
            there.executemany("INSERT INTO t VALUES (?, ?, ?)", [(3, "ü", 1.5), (1, None, None), (2, "a", 2.5)])
            there.commit()
        return "sqlite:///shop.db#t"
    if kind == "duckdb":
        with Engine(folder) as engine:
            engine.add("rows", ROWS)
            engine._run(f"ATTACH '{folder / 'shop.duckdb'}' AS there")  # the only way to write one here
            engine._run("CREATE TABLE there.t AS SELECT * FROM rows")
        return "duckdb:///shop.duckdb#t"
    if kind == "jsonl":
        (folder / "t.jsonl").write_text('{"id": 3, "name": "ü"}\n{"id": 1, "name": null}\n{"id": 2, "name": "a"}\n')
        return "t.jsonl"
    text = "id,name\n3,ü\n1,\n2,a\n"
    if kind == "csv.gz":
        (folder / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
        return "t.csv.gz"
    (folder / f"t.{kind}").write_text(text if kind == "csv" else text.replace(",", "\t"))
    return f"t.{kind}"


@pytest.mark.parametrize("kind", ["parquet", "folder", "glob", "sqlite", "duckdb", "jsonl", "csv", "tsv", "csv.gz"])
def test_every_source_gives_the_same_rows_in_order(tmp_path: Path, kind: str) -> None:
    with Engine(tmp_path) as engine:
        engine.open("t", Table(source=_write(tmp_path, kind)))
        assert engine.count("t") == 3
        assert list(engine.columns("t"))[:2] == ["id", "name"]
        assert engine.column("t", "id").to_pylist() == [3, 1, 2]
        assert engine.column("t", "name", dictionary=True).to_pylist() == ["ü", None, "a"]
        assert engine.evaluate("t", {"double": "id * 2"}).column("double").to_pylist() == [6, 2, 4]
        batches = list(engine.batches("t", ["name", "id"], 2, ["name"]))
        assert [v for b in batches for v in b.column("id").to_pylist()] == [3, 1, 2]
        assert engine.origin("t")


def test_a_table_of_another(engine: Engine) -> None:
    engine.open("people", Table(of="t.name"))
    assert engine.column("people", "name").to_pylist() == ["a", "ü"]
    with pytest.raises(DataError, match="`of: t.nam`: there should be a column `nam` in table `t`.*Did you mean `name`"):
        engine.open("x", Table(of="t.nam"))
    with pytest.raises(RecipeError, match="`of` should name a key column as `table.column`"):
        engine.open("x", Table(of="tt.name"))
    with pytest.raises(RecipeError, match="should have a `source` or an `of`"):
        engine.open("x", Table())


def test_expressions(engine: Engine) -> None:
    found = engine.evaluate("t", {"a": "ID > 1", "b": "coalesce(name, 'none')", "c": "case when t.score > 1 then 1 end"})
    assert found.column("a").to_pylist() == [True, False, True]
    assert found.column("b").to_pylist() == ["ü", "none", "a"]
    assert engine.mentioned("t", "ID + t.score + list_sum(list_transform([1], x -> x + 1))", "who") == ["id", "score"]
    assert engine.evaluate("t", {}).num_columns == 0
    with pytest.raises(RecipeError, match="who: `scor > 1` names `scor`, which is no column of table `t`.*`score`"):
        engine.evaluate("t", {"who": "scor > 1"})
    with pytest.raises(DataError, match="who: `cast\\(name as int\\)` fails on a value of table `t`.*try_cast"):
        engine.evaluate("t", {"fine": "id", "who": "cast(name as int)"})


def test_questions(engine: Engine) -> None:
    engine.add("events", pa.table({"t": [1.0, 1.0, 9.0, 9.0, 1.5, None], "x": [1.0, 2.0, 3.0, 4.0, 5.0, None]}))
    counts = engine.group_counts("events", "t", 2)
    assert counts.to_pylist() == [{"value": 1.0, "count": 2}, {"value": 9.0, "count": 2}]
    assert engine.quantiles("events", "x", [0.0, 0.5, 1.0], 100) == [1.0, 3.0, 5.0]
    assert engine.quantiles("t", "score", [0.5], 100) == [1.5]
    assert engine.duplicates("events", "t") == (2, ["1.0", "9.0"])
    assert engine.duplicates("t", "id") == (0, [])
    matching = engine.match("events", "t", "t", "id")
    assert (matching.rows, matching.unmatched, matching.examples) == (5, 3, ["9", "1.5"])
    assert engine.examples("events", "x > 2", 1).to_pylist() == [{"row": 3, "t": 9.0, "x": 3.0}]
    assert engine.examples("events", "x > 2", 1, ["x"]).column_names == ["row", "x"]
    assert engine.sample("events", ["x"], 3).column("x").to_pylist() == [1.0, 3.0, 5.0]
    assert engine.sample("events", [], 2).column_names == ["t", "x"]
    with pytest.raises(RecipeError, match="condition: .*cannot be evaluated"):
        engine.examples("events", "nope > 2")


def test_names_that_need_quoting(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        engine.add('odd "name"', pa.table({'a "b" c': [1, 2], "select": [3, 4]}))
        assert engine.evaluate('odd "name"', {"it's": '"select" + 1'}).column("it's").to_pylist() == [4, 5]
        assert engine.duplicates('odd "name"', 'a "b" c') == (0, [])


def test_a_database_whose_driver_is_missing_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ibis.backends.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    wanted = r"needs `pip install 'ibis-framework\[postgres\]' pandas`"
    with Engine(tmp_path) as engine, pytest.raises(MissingExtraError, match=wanted):
        engine.open("t", Table(source="postgres://somebody@localhost/shop#t"))


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        with pytest.raises(DataError, match="there is no database file"):
            engine.open("t", Table(source="sqlite:///none.db#t"))
        (tmp_path / "bad.db").write_bytes(b"no database, but long enough to be looked at" * 50)
        with pytest.raises(DataError, match="cannot be read"):
            engine.open("t", Table(source="sqlite:///bad.db#t"))
        _write(tmp_path, "sqlite")
        with pytest.raises(DataError, match="should have a table `tt`. Found \\['t'\\].*Did you mean `t`"):
            engine.open("t", Table(source="sqlite:///shop.db#tt"))
        with pytest.raises(DataError, match="there is no database file"):
            engine.open("t", Table(source="duckdb:///none.duckdb#t"))
        with pytest.raises(DataError, match="source `duckdb:///shop.duckdb#tt` should be readable .* does not exist"):
            engine.open("t", Table(source=_write(tmp_path, "duckdb") + "t"))
        with pytest.raises(RecipeError, match="should name its table after `#`"):
            engine.open("t", Table(source="sqlite:///shop.db"))
        (tmp_path / "mixed").mkdir()
        (tmp_path / "mixed" / "a.csv").write_text("a\n1\n")
        pq.write_table(ROWS, tmp_path / "mixed" / "b.parquet")
        with pytest.raises(DataError, match="should hold files of one of the formats"):
            engine.read("t", "mixed")
        (tmp_path / "broken.jsonl").write_text('{"a": 1}\n{"a": \n')
        with pytest.raises(DataError, match="source `broken.jsonl` should be readable as a table"):
            engine.read("t", "broken.jsonl")
        (tmp_path / "empty.parquet").touch()
        with pytest.raises(CorruptError, match="truncated or no Parquet file"):
            engine.read("t", "empty.parquet")
        with pytest.raises(RecipeError, match="There should be a table `u`. Found \\[\\]"):
            engine.count("u")


def test_files_of_different_columns(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    pq.write_table(ROWS.drop_columns(["score"]), tmp_path / "b.parquet")
    with Engine(tmp_path) as engine, pytest.raises(DataError, match=r"b.parquet differs from .*a.parquet in \['score'\]"):
        engine.read("t", "*.parquet")


def test_large_text_files_go_through_a_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.data.engine._SPILL", 0)
    with Engine(tmp_path) as engine:
        engine.open("t", Table(source=_write(tmp_path, "csv")))
        assert engine.column("t", "id").to_pylist() == [3, 1, 2]
        assert engine.evaluate("t", {"x": "id"}).column("x").to_pylist() == [3, 1, 2]


def test_a_damaged_file_is_named_where_the_engine_does_not(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": list(range(5000))}), tmp_path / "t.parquet", compression="none")
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[100:900] = bytes(byte ^ 0x55 for byte in data[100:900])
    data[4:40] = b"\xff" * 36
    (tmp_path / "t.parquet").write_bytes(bytes(data))
    with Engine(tmp_path) as engine:
        engine.open("t", Table(source="t.parquet"))
        with pytest.raises(CorruptError, match=r"t\.parquet: row group 0, column `user` cannot be read"):
            engine.open("users", Table(of="t.user"))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv"])
@pytest.mark.parametrize(("line", "words"), [("1,2,3", "3 cells in line 502"), ('1,"2', "never closed in line 502")])
def test_a_line_that_differs_is_named(tmp_path: Path, ending: str, line: str, words: str) -> None:
    text = "user,item\n" + "1,2\n" * 500 + line + "\n" + "1,2,3,4,5\n"
    text = text.replace(",", "\t") if ending == "tsv" else text
    (tmp_path / f"t.{ending}").write_bytes(gzip.compress(text.encode()) if ending == "csv.gz" else text.encode())
    with Engine(tmp_path) as engine, pytest.raises(DataError, match="should have 2 cells, as the first has") as caught:
        engine.open("t", Table(source=f"t.{ending}"))
    assert words in str(caught.value)
