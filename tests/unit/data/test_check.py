"""Checks of files, columns, types, ids, keys and values, each with its words; and how findings are written."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.check import Finding, check, lines, to_json
from support.checked import ROWS, TASK, Run, good, one, runner, schema_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(tmp_path)


def test_good_data_pass_every_check_in_order(run: Run) -> None:
    findings = run(time="at")
    assert {f.status for f in findings} == {"PASS"}, lines(findings)
    order = ["file", "columns", "types", "ids", "numbers", "constant", "texts", "time", "label", "observed", "rate", "leak"]
    order += ["split", "unseen"]
    names = [f.name for f in findings]
    assert list(dict.fromkeys(names)) == order


# --- files -----------------------------------------------------------------------------------------------------------


def test_missing_file_with_the_nearest_name(tmp_path: Path) -> None:
    pq.write_table(pa.table(good()), tmp_path / "orders.parquet")
    schema = schema_of({"t": {"source": "order.parquet"}}, TASK)
    found = one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "Did you mean `orders.parquet`?" in found.message


@pytest.mark.parametrize("cut", [0.5, 0.98])
def test_truncated_file(tmp_path: Path, cut: float) -> None:
    pq.write_table(pa.table(good()), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: int(len(data) * cut)])
    schema = schema_of({"t": {"source": "t.parquet"}}, TASK)
    found = one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "truncated" in found.message


def test_flipped_bit(tmp_path: Path) -> None:
    table = pa.table({"x": np.random.default_rng(0).normal(size=20_000), "label": [0, 1] * 10_000})
    pq.write_table(table, tmp_path / "t.parquet", write_page_checksum=True, use_dictionary=False, compression="none")
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[5000] ^= 0x10
    (tmp_path / "t.parquet").write_bytes(bytes(data))
    schema = schema_of({"t": {"source": "t.parquet"}}, TASK)
    found = one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "column `x` cannot be read" in found.message


def test_table_without_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table(good()).slice(0, 0), tmp_path / "t.parquet")
    schema = schema_of(
        {"t": {"source": "t.parquet", "id": "row_id", "time": "at"}},
        {"task": {"table": "t", "kind": "binary", "label": "label"}},
    )
    found = one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and found.message.startswith("should have rows. Found none, and 6 columns")


def test_table_of_one_row(tmp_path: Path) -> None:
    pq.write_table(pa.table(good()).slice(0, 1), tmp_path / "t.parquet")
    schema = schema_of({"t": {"source": "t.parquet", "id": "row_id"}}, TASK)
    findings = check(schema, tmp_path)
    assert one(findings, "file").message.startswith("has a single row")
    assert one(findings, "label").status == "FAIL"


def test_strange_separators(tmp_path: Path) -> None:
    rows = "\n".join(f"{i}|{i % 7}|{'ja' if i % 3 else 'nein'}" for i in range(ROWS))
    (tmp_path / "t.csv").write_text(f"row_id|x|ok\n{rows}\n", encoding="utf-8")
    schema = schema_of(
        {"t": {"source": "t.csv", "id": "row_id"}}, {"task": {"table": "t", "kind": "binary", "label": "ok = 'ja'"}}
    )
    findings = check(schema, tmp_path)
    assert not [f for f in findings if f.status == "FAIL"], lines(findings)
    assert "400 of 600 are positive" in one(findings, "rate").message


# --- columns, types, ids, keys -----------------------------------------------------------------------------------------


def test_missing_column_with_the_nearest_name(run: Run) -> None:
    found = one(run(features={"t.color": "category"}), "columns")
    assert (found.status, found.column) == ("FAIL", "color")
    assert "`features.t.color` names this column" in found.message and "Did you mean `colour`?" in found.message


def test_label_that_names_no_column(run: Run) -> None:
    found = one(run(task={"label": "lable = 1"}), "label")
    assert found.status == "FAIL" and "Did you mean `label`?" in found.message


def test_label_that_is_no_sql(run: Run) -> None:
    found = one(run(task={"label": "label >= "}), "label")
    assert found.status == "FAIL" and "should be an SQL expression" in found.message


def test_words_where_numbers_should_be(run: Run) -> None:
    found = one(run(features={"t.colour": "number"}), "types", "colour")
    assert found.status == "FAIL" and "should hold numbers, being of kind `number`. Found string" in found.message
    assert found.examples[0]["row"] == 1 and found.examples[0]["colour"] in ("red", "green", "blue")


def test_vectors_of_several_lengths(run: Run) -> None:
    ragged = [[0.5] * (3 + i % 2) for i in range(ROWS)]
    found = one(run({"vector": ragged}, features={"t.vector": "embedding"}), "types", "vector")
    assert found.status == "FAIL" and "300 of length 3, 300 of length 4" in found.message


def test_times_that_are_none(run: Run) -> None:
    found = one(run({"at": ["yesterday"] * ROWS}, time="at"), "time", "at")
    assert (
        found.status == "FAIL"
        and "should hold moments such as 2024-05-31 18:00:00. Found `yesterday` in row 1" in found.message
    )


def test_duplicate_ids(run: Run) -> None:
    ids = np.arange(ROWS)
    ids[[5, 6, 7]] = 3
    found = one(run({"row_id": ids}), "ids")
    assert found.status == "FAIL" and "Found 1 values that stand on several rows, such as 3" in found.message
    assert [row["row"] for row in found.examples] == [4, 6, 7]


def test_empty_ids(run: Run) -> None:
    found = one(run({"row_id": pa.array([None, *range(1, ROWS)])}), "ids")
    assert found.status == "FAIL" and "should name every row. Found 1 rows without" in found.message


def test_fractional_ids(run: Run) -> None:
    found = one(run({"row_id": np.arange(ROWS) + 0.5}), "ids")
    assert found.status == "FAIL" and "ids should be whole numbers or text. Found fractions" in found.message


def test_keys_without_partner(tmp_path: Path) -> None:
    pq.write_table(pa.table(good() | {"shop": [i % 12 for i in range(ROWS)]}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"shop": np.arange(10), "size": np.linspace(0, 9, 10)}), tmp_path / "shops.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"source": "shops.parquet", "id": "shop"}}
    tasks = {"task": {"table": "t", "kind": "binary", "label": "label"}}
    found = one(check(schema_of(tables, tasks), tmp_path), "keys")
    assert found.status == "WARN"
    assert "100 of 600 rows (16.7%) have no partner in `shops.shop`, such as 10, 11" in found.message
    assert found.examples[0]["shop"] in (10, 11)


def test_keys_that_all_miss(tmp_path: Path) -> None:
    pq.write_table(pa.table(good() | {"shop": [f"s{i % 12}" for i in range(ROWS)]}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"shop": np.arange(10), "size": np.linspace(0, 9, 10)}), tmp_path / "shops.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"source": "shops.parquet", "id": "shop"}}
    tasks = {"task": {"table": "t", "kind": "binary", "label": "label"}}
    found = one(check(schema_of(tables, tasks), tmp_path), "keys")
    assert found.status == "FAIL" and "None of 600 rows does" in found.message


# --- values ------------------------------------------------------------------------------------------------------------


def test_infinite_numbers(run: Run) -> None:
    values = np.random.default_rng(1).normal(size=ROWS)
    values[[2, 9]] = np.inf, -np.inf
    found = one(run({"x": values}), "numbers", "x")
    assert found.status == "WARN" and "2 of 600 rows are infinite" in found.message
    assert [row["row"] for row in found.examples] == [3, 10] and found.examples[0]["x"] == "inf"


def test_mostly_missing_numbers(run: Run) -> None:
    values = np.where(np.arange(ROWS) % 4, np.nan, np.linspace(0, 1, ROWS))
    found = one(run({"x": values}), "numbers", "x")
    assert found.status == "WARN" and "450 of 600 rows (75%) have no number" in found.message


def test_constant_and_empty_columns(run: Run) -> None:
    findings = run(
        {"same": ["x"] * ROWS, "void": pa.nulls(ROWS, pa.string())}, features={"t.same": "category", "t.void": "category"}
    )
    assert "holds 'x' in every row" in one(findings, "constant", "same").message
    assert "is empty in every row" in one(findings, "constant", "void").message


def test_empty_texts(run: Run) -> None:
    notes = ["" if i % 3 == 0 else None if i % 3 == 1 else f"word {i} and more" for i in range(ROWS)]
    found = one(run({"note": notes}, features={"t.note": "text"}), "texts", "note")
    assert found.status == "WARN" and "400 of 600 texts are empty (66.7%)" in found.message


def test_future_and_missing_and_equal_times(run: Run) -> None:
    at = 1_600_000_000 + np.arange(ROWS) * 3600
    at[7] = int(time.time()) + 10 * 365 * 86_400
    found = one(run({"at": at}, time="at"), "time", "at")
    assert found.status == "WARN" and "1 of 600 rows lie in the future" in found.message and found.examples[0]["row"] == 8
    gaps = pa.array([None if i < 5 else 1_600_000_000 + i for i in range(ROWS)])
    assert "5 of 600 rows have no time" in one(run({"at": gaps}, time="at"), "time", "at").message
    same = np.full(ROWS, 1_600_000_000)
    assert "every row happened at 2020-09-13" in one(run({"at": same}, time="at"), "time", "at").message


# --- unicode, output -----------------------------------------------------------------------------------------------------


def test_unicode_names_and_values(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = {
        "编号": [f"商品{i}" for i in range(ROWS)],
        "类别 'a\"": random.choice(["吃", "喝", "玩\n乐"], ROWS),
        "好评": random.integers(0, 2, ROWS),
    }
    pq.write_table(pa.table(values), tmp_path / "表.parquet")
    schema = schema_of(
        {"表": {"source": "表.parquet", "id": "编号"}}, {"好": {"table": "表", "kind": "binary", "label": '"好评"'}}
    )
    findings = check(schema, tmp_path)
    assert not [f for f in findings if f.status == "FAIL"], lines(findings)
    assert all("\n" not in line for line in lines(findings))


def test_lines_and_json() -> None:
    rows: list[dict[str, object]] = [{"row": 3, "x": None, "y": "a\nb" * 60}]
    found = [Finding("PASS", "file", "orders", "", "9 rows"), Finding("FAIL", "ids", "orders", "id", "twice", rows)]
    written = lines(found)
    assert written[0] == "PASS  file  orders     9 rows"
    assert written[1] == "FAIL  ids   orders.id  twice"
    assert written[2].startswith("        row=3, x=NULL, y=a ba b") and len(written[2]) < 100
    assert json.loads(json.dumps(to_json(found)))[1]["examples"][0]["row"] == 3
    assert lines([]) == []


def test_progress_is_told(run: Run, tmp_path: Path) -> None:
    run()
    told: list[tuple[str, int, int]] = []
    schema = schema_of({"t": {"source": "t.parquet"}}, TASK)
    check(schema, tmp_path, lambda what, done, total: told.append((what, done, total)))
    assert told[0] == ("reading t", 0, 1)
    assert told[-1][0] == "checking" and told[-1][1] == told[-1][2] > 9


def test_a_table_made_of_one_that_cannot_be_opened(tmp_path: Path) -> None:
    tables = {"t": {"source": "t.parquet", "keys": {"user": "users"}}, "users": {"of": "t.user", "id": "user"}}
    found = [f for f in check(schema_of(tables, TASK), tmp_path) if f.name == "file"]
    assert found[1].message == "is made of `t.user`, and table `t` cannot be opened."


def test_keys_with_fractions(tmp_path: Path) -> None:
    pq.write_table(pa.table(good() | {"user": np.arange(600) / 2}), tmp_path / "t.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"user": "users"}}, "users": {"of": "t.user", "id": "user"}}
    found = one(check(schema_of(tables, TASK), tmp_path), "keys", "user")
    assert found.status == "WARN" and "Found fractions, each an id of its own" in found.message
    assert [row["row"] for row in found.examples] == [2, 4, 6]
