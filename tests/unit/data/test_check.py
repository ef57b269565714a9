"""Checks on real tables, and on a made one for each thing that can be wrong, with its words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.check import Finding, check, lines, to_json
from plait.schema import Schema, Split, Table, Task

ROWS = 600
TASK = {"task": {"table": "t", "kind": "binary", "label": "label"}}


def _schema(
    tables: dict[str, Any],
    tasks: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    split: dict[str, Any] | None = None,
) -> Schema:
    return Schema.model_validate(
        {
            "tables": {name: Table(**table) for name, table in tables.items()},
            "features": features or {},
            "tasks": {name: Task(**task) for name, task in (tasks or {}).items()},
            "split": Split(**(split or {"by": "random"})),
            "seed": 17,
        }
    )


def _good() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "row_id": np.arange(ROWS),
        "x": random.normal(size=ROWS),
        "colour": random.choice(["red", "green", "blue"], ROWS),
        "note": [f"some words about {i}" for i in range(ROWS)],
        "at": 1_600_000_000 + np.arange(ROWS) * 3600,
        "label": (random.random(ROWS) < 0.4).astype(np.int64),
    }


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Finding]]:
    """Write a table with some columns replaced and check it."""

    def _run(
        columns: dict[str, Any] | None = None,
        task: dict[str, Any] | None = None,
        features: dict[str, Any] | None = None,
        split: dict[str, Any] | None = None,
        **table: Any,
    ) -> list[Finding]:
        values = {name: value for name, value in (_good() | (columns or {})).items() if value is not None}
        pq.write_table(pa.table(values), tmp_path / "t.parquet")
        wanted = {"table": "t", "kind": "binary", "label": "label"} | (task or {})
        described = {"source": "t.parquet", "id": "row_id"} | table
        return check(_schema({"t": described}, {"task": wanted}, features, split), tmp_path)

    return _run


def _one(findings: list[Finding], name: str, column: str | None = None, status: str | None = None) -> Finding:
    found = [f for f in findings if f.name == name and column in (None, f.column) and status in (None, f.status)]
    assert len(found) == 1, [(f.status, f.name, f.column, f.message) for f in findings]
    return found[0]


Run = Callable[..., list[Finding]]


def test_good_data_pass_every_check_in_order(run: Run) -> None:
    findings = run(time="at")
    assert {f.status for f in findings} == {"PASS"}, lines(findings)
    order = ["file", "columns", "types", "ids", "numbers", "constant", "texts", "time", "label", "observed", "rate", "leak"]
    order += ["split", "unseen"]
    names = [f.name for f in findings]
    assert list(dict.fromkeys(names)) == order


# --- files -----------------------------------------------------------------------------------------------------------


def test_missing_file_with_the_nearest_name(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good()), tmp_path / "orders.parquet")
    schema = _schema({"t": {"source": "order.parquet"}}, TASK)
    found = _one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "Did you mean `orders.parquet`?" in found.message


@pytest.mark.parametrize("cut", [0.5, 0.98])
def test_truncated_file(tmp_path: Path, cut: float) -> None:
    pq.write_table(pa.table(_good()), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[: int(len(data) * cut)])
    schema = _schema({"t": {"source": "t.parquet"}}, TASK)
    found = _one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "truncated" in found.message


def test_flipped_bit(tmp_path: Path) -> None:
    table = pa.table({"x": np.random.default_rng(0).normal(size=20_000), "label": [0, 1] * 10_000})
    pq.write_table(table, tmp_path / "t.parquet", write_page_checksum=True, use_dictionary=False, compression="none")
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[5000] ^= 0x10
    (tmp_path / "t.parquet").write_bytes(bytes(data))
    schema = _schema({"t": {"source": "t.parquet"}}, TASK)
    found = _one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and "column `x` cannot be read" in found.message


def test_table_without_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good()).slice(0, 0), tmp_path / "t.parquet")
    schema = _schema(
        {"t": {"source": "t.parquet", "id": "row_id", "time": "at"}},
        {"task": {"table": "t", "kind": "binary", "label": "label"}},
    )
    found = _one(check(schema, tmp_path), "file")
    assert found.status == "FAIL" and found.message.startswith("should have rows. Found none, and 6 columns")


def test_table_of_one_row(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good()).slice(0, 1), tmp_path / "t.parquet")
    schema = _schema({"t": {"source": "t.parquet", "id": "row_id"}}, TASK)
    findings = check(schema, tmp_path)
    assert _one(findings, "file").message.startswith("has a single row")
    assert _one(findings, "label").status == "FAIL"


def test_strange_separators(tmp_path: Path) -> None:
    rows = "\n".join(f"{i}|{i % 7}|{'ja' if i % 3 else 'nein'}" for i in range(ROWS))
    (tmp_path / "t.csv").write_text(f"row_id|x|ok\n{rows}\n", encoding="utf-8")
    schema = _schema(
        {"t": {"source": "t.csv", "id": "row_id"}}, {"task": {"table": "t", "kind": "binary", "label": "ok = 'ja'"}}
    )
    findings = check(schema, tmp_path)
    assert not [f for f in findings if f.status == "FAIL"], lines(findings)
    assert "400 of 600 are positive" in _one(findings, "rate").message


# --- columns, types, ids, keys -----------------------------------------------------------------------------------------


def test_missing_column_with_the_nearest_name(run: Run) -> None:
    found = _one(run(features={"t.color": "category"}), "columns")
    assert (found.status, found.column) == ("FAIL", "color")
    assert "`features.t.color` names this column" in found.message and "Did you mean `colour`?" in found.message


def test_label_that_names_no_column(run: Run) -> None:
    found = _one(run(task={"label": "lable = 1"}), "label")
    assert found.status == "FAIL" and "Did you mean `label`?" in found.message


def test_label_that_is_no_sql(run: Run) -> None:
    found = _one(run(task={"label": "label >= "}), "label")
    assert found.status == "FAIL" and "should be an SQL expression" in found.message


def test_words_where_numbers_should_be(run: Run) -> None:
    found = _one(run(features={"t.colour": "number"}), "types", "colour")
    assert found.status == "FAIL" and "should hold numbers, being of kind `number`. Found string" in found.message
    assert found.examples[0]["row"] == 1 and found.examples[0]["colour"] in ("red", "green", "blue")


def test_vectors_of_several_lengths(run: Run) -> None:
    ragged = [[0.5] * (3 + i % 2) for i in range(ROWS)]
    found = _one(run({"vector": ragged}, features={"t.vector": "embedding"}), "types", "vector")
    assert found.status == "FAIL" and "300 of length 3, 300 of length 4" in found.message


def test_times_that_are_none(run: Run) -> None:
    found = _one(run({"at": ["yesterday"] * ROWS}, time="at"), "time", "at")
    assert (
        found.status == "FAIL"
        and "should hold moments such as 2024-05-31 18:00:00. Found `yesterday` in row 1" in found.message
    )


def test_duplicate_ids(run: Run) -> None:
    ids = np.arange(ROWS)
    ids[[5, 6, 7]] = 3
    found = _one(run({"row_id": ids}), "ids")
    assert found.status == "FAIL" and "Found 1 values that stand on several rows, such as 3" in found.message
    assert [row["row"] for row in found.examples] == [4, 6, 7]


def test_empty_ids(run: Run) -> None:
    found = _one(run({"row_id": pa.array([None, *range(1, ROWS)])}), "ids")
    assert found.status == "FAIL" and "should name every row. Found 1 rows without" in found.message


def test_fractional_ids(run: Run) -> None:
    found = _one(run({"row_id": np.arange(ROWS) + 0.5}), "ids")
    assert found.status == "FAIL" and "ids should be whole numbers or text. Found fractions" in found.message


def test_keys_without_partner(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good() | {"shop": [i % 12 for i in range(ROWS)]}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"shop": np.arange(10), "size": np.linspace(0, 9, 10)}), tmp_path / "shops.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"source": "shops.parquet", "id": "shop"}}
    tasks = {"task": {"table": "t", "kind": "binary", "label": "label"}}
    found = _one(check(_schema(tables, tasks), tmp_path), "keys")
    assert found.status == "WARN"
    assert "100 of 600 rows (16.7%) have no partner in `shops.shop`, such as 10, 11" in found.message
    assert found.examples[0]["shop"] in (10, 11)


def test_keys_that_all_miss(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good() | {"shop": [f"s{i % 12}" for i in range(ROWS)]}), tmp_path / "t.parquet")
    pq.write_table(pa.table({"shop": np.arange(10), "size": np.linspace(0, 9, 10)}), tmp_path / "shops.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"source": "shops.parquet", "id": "shop"}}
    tasks = {"task": {"table": "t", "kind": "binary", "label": "label"}}
    found = _one(check(_schema(tables, tasks), tmp_path), "keys")
    assert found.status == "FAIL" and "None of 600 rows does" in found.message


# --- values ------------------------------------------------------------------------------------------------------------


def test_infinite_numbers(run: Run) -> None:
    values = np.random.default_rng(1).normal(size=ROWS)
    values[[2, 9]] = np.inf, -np.inf
    found = _one(run({"x": values}), "numbers", "x")
    assert found.status == "WARN" and "2 of 600 rows are infinite" in found.message
    assert [row["row"] for row in found.examples] == [3, 10] and found.examples[0]["x"] == "inf"


def test_mostly_missing_numbers(run: Run) -> None:
    values = np.where(np.arange(ROWS) % 4, np.nan, np.linspace(0, 1, ROWS))
    found = _one(run({"x": values}), "numbers", "x")
    assert found.status == "WARN" and "450 of 600 rows (75%) have no number" in found.message


def test_constant_and_empty_columns(run: Run) -> None:
    findings = run(
        {"same": ["x"] * ROWS, "void": pa.nulls(ROWS, pa.string())}, features={"t.same": "category", "t.void": "category"}
    )
    assert "holds 'x' in every row" in _one(findings, "constant", "same").message
    assert "is empty in every row" in _one(findings, "constant", "void").message


def test_empty_texts(run: Run) -> None:
    notes = ["" if i % 3 == 0 else None if i % 3 == 1 else f"word {i} and more" for i in range(ROWS)]
    found = _one(run({"note": notes}, features={"t.note": "text"}), "texts", "note")
    assert found.status == "WARN" and "400 of 600 texts are empty (66.7%)" in found.message


def test_future_and_missing_and_equal_times(run: Run) -> None:
    at = 1_600_000_000 + np.arange(ROWS) * 3600
    at[7] = int(time.time()) + 10 * 365 * 86_400
    found = _one(run({"at": at}, time="at"), "time", "at")
    assert found.status == "WARN" and "1 of 600 rows lie in the future" in found.message and found.examples[0]["row"] == 8
    gaps = pa.array([None if i < 5 else 1_600_000_000 + i for i in range(ROWS)])
    assert "5 of 600 rows have no time" in _one(run({"at": gaps}, time="at"), "time", "at").message
    same = np.full(ROWS, 1_600_000_000)
    assert "every row happened at 2020-09-13" in _one(run({"at": same}, time="at"), "time", "at").message


# --- labels ------------------------------------------------------------------------------------------------------------


def test_label_all_null(run: Run) -> None:
    found = _one(run({"label": pa.nulls(ROWS, pa.int64())}), "label")
    assert found.status == "FAIL" and "Found NULL in all 600 rows" in found.message


def test_label_of_one_class(run: Run) -> None:
    found = _one(run({"label": np.ones(ROWS, dtype=np.int64)}), "label")
    assert found.status == "FAIL" and "Found only 1 in all 600 observed rows" in found.message


def test_label_mostly_null(run: Run) -> None:
    label = pa.array([i % 2 if i % 20 < 1 or i % 20 == 7 else None for i in range(ROWS)])
    findings = run({"label": pa.array([v.as_py() if i % 40 < 8 else None for i, v in enumerate(label)])})
    found = _one(findings, "observed")
    assert found.status == "WARN" and "NULL is never read as 0" in found.message


@pytest.mark.parametrize("wrong", [-1, 2])
def test_label_outside_its_kind(run: Run, wrong: int) -> None:
    label = np.arange(ROWS) % 2
    label[[4, 8]] = wrong
    found = _one(run({"label": label}), "label")
    assert found.status == "FAIL" and f"Found {wrong} in 2 rows" in found.message
    assert [row["row"] for row in found.examples] == [5, 9]


def test_negative_amount(run: Run) -> None:
    amount = np.where(np.arange(ROWS) == 3, -5.0, np.arange(ROWS) % 9)
    found = _one(run({"amount": amount}, task={"kind": "amount", "label": "amount"}), "label")
    assert found.status == "FAIL" and "should be an amount of 0 or more" in found.message and found.examples[0]["row"] == 4


def test_few_positives(run: Run) -> None:
    found = _one(run({"label": (np.arange(ROWS) % 100 == 0).astype(int)}), "rate")
    assert found.status == "WARN" and "6 of 600 are positive (1.0%); with 6 of the rarer kind" in found.message


def test_rare_classes(run: Run) -> None:
    colour = ["red", "green"] * (ROWS // 2 - 1) + ["violet"] * 2
    found = _one(run({"colour": colour}, task={"kind": "multiclass", "label": "colour"}), "rate")
    assert found.status == "WARN" and "1 classes have fewer than 10 rows: violet (2)" in found.message


def test_sample_space_and_weights(run: Run) -> None:
    findings = run({"w": np.where(np.arange(ROWS) == 2, -1.0, 1.0)}, task={"where": "x > 0", "sample_weight": "w"})
    assert "where x > 0" in _one(findings, "observed").message
    columns = {"w": np.full(ROWS, -1.0)}
    found = _one(run(columns, task={"sample_weight": "w"}), "weight")
    assert found.status == "FAIL" and "should give numbers of 0 or more. Found 600 rows" in found.message


def test_task_on_an_unknown_table(tmp_path: Path) -> None:
    pq.write_table(pa.table(_good()), tmp_path / "t.parquet")
    schema = _schema({"orders": {"source": "t.parquet"}}, {"task": {"table": "order", "kind": "binary", "label": "label"}})
    found = _one(check(schema, tmp_path), "label")
    assert found.status == "FAIL" and "Did you mean `orders`?" in found.message


# --- leaks -------------------------------------------------------------------------------------------------------------


def test_a_copy_of_the_label(run: Run) -> None:
    label = _good()["label"]
    found = _one(run({"answer": np.where(label > 0, "yes", "no")}), "leak")
    assert (found.status, found.column) == ("WARN", "answer")
    assert (
        "gives the label of task `task` away: AUC 1.0000" in found.message
        and "`features: {t.answer: ignore}`" in found.message
    )
    assert set(found.examples[0]) == {"row", "answer", "label"}


def test_a_number_that_gives_the_label_away(run: Run) -> None:
    label = _good()["label"]
    paid = np.random.default_rng(3).random(ROWS) + 3 * label
    assert _one(run({"paid": paid}), "leak").column == "paid"
    gaps = pa.array([None if v else 1.0 * i for i, v in enumerate(label)])
    assert _one(run({"closed": gaps}), "leak").column == "closed"


def test_a_column_that_gives_classes_or_amounts_away(run: Run) -> None:
    kind = np.arange(ROWS) % 4
    columns = {"kind": np.array(["a", "b", "c", "d"])[kind], "code": kind * 10, "x": np.linspace(5, 9, ROWS)}
    assert _one(run(columns, task={"kind": "multiclass", "label": "kind"}), "leak").column == "code"
    random = np.random.default_rng(4).gamma(2.0, 3.0, ROWS)
    assert (
        _one(run({"net": random, "gross": random * 1.19}, task={"kind": "regression", "label": "net"}), "leak").column
        == "gross"
    )


def test_a_label_that_is_the_same_for_each_user(tmp_path: Path) -> None:
    shop = np.arange(ROWS) % 10
    values = _good() | {"shop": shop, "label": (shop % 2).astype(np.int64)}
    pq.write_table(pa.table(values), tmp_path / "t.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"of": "t.shop", "id": "shop"}}
    findings = check(_schema(tables, TASK), tmp_path)
    found = _one(findings, "leak")
    assert (found.table, found.column) == ("shops", "shop") and "(through key `shop`)" in found.message


def test_columns_of_labels_are_no_leak(run: Run) -> None:
    assert _one(run(task={"label": "x > 0"}), "leak").status == "PASS"


# --- split -------------------------------------------------------------------------------------------------------------


def test_labels_that_all_fall_in_the_test_part(run: Run) -> None:
    label = pa.array([i % 2 if i >= ROWS - 40 else None for i in range(ROWS)])
    found = _one(run({"label": label}, split={"by": "time"}, time="at"), "split")
    assert found.status == "FAIL" and "0 labels train, 0 validate, 40 test: all fall in the test part" in found.message


def test_small_parts(run: Run) -> None:
    label = pa.array([i % 2 if i % 5 == 0 else None for i in range(ROWS)])
    assert "too few to measure with" in _one(run({"label": label}), "split").message
    found = _one(run(split={"by": "random", "test": 0.0}), "split")
    assert found.status == "WARN" and "the test part has none, so the task cannot be measured" in found.message


def test_a_part_of_one_class(run: Run) -> None:
    label = (np.arange(ROWS) < ROWS // 2).astype(int)
    found = _one(run({"label": label}, split={"by": "time"}, time="at"), "split")
    assert found.status == "WARN" and "the validation part holds only 0" in found.message


def test_a_split_column_with_other_words(run: Run) -> None:
    found = _one(run({"part": ["train", "holdout"] * (ROWS // 2)}, split={"by": "column", "column": "part"}), "split")
    assert found.status == "FAIL" and "should hold `train`, `valid` or `test`. Found ['holdout']" in found.message


def test_unseen_values_of_the_test_part(run: Run) -> None:
    week = [f"week {i // 30}" for i in range(ROWS)]
    findings = run({"week": week}, features={"t.week": "category"}, split={"by": "time"}, time="at")
    found = _one(findings, "unseen", "week")
    assert (
        found.status == "WARN"
        and "60 of 60 test rows (100.0%) hold a value that no training row has, such as week 18" in found.message
    )


# --- unicode, output -----------------------------------------------------------------------------------------------------


def test_unicode_names_and_values(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = {
        "编号": [f"商品{i}" for i in range(ROWS)],
        "类别 'a\"": random.choice(["吃", "喝", "玩\n乐"], ROWS),
        "好评": random.integers(0, 2, ROWS),
    }
    pq.write_table(pa.table(values), tmp_path / "表.parquet")
    schema = _schema(
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
    schema = _schema({"t": {"source": "t.parquet"}}, TASK)
    check(schema, tmp_path, lambda what, done, total: told.append((what, done, total)))
    assert told[0] == ("reading t", 0, 1) and told[-1] == ("checking", 12, 12)


# --- real tables ---------------------------------------------------------------------------------------------------------


def test_hillstrom_has_no_leak_between_its_chained_labels(shared_data: Path) -> None:
    tasks = {
        "visit": {"table": "email", "kind": "binary", "label": "visit"},
        "conversion": {"table": "email", "kind": "binary", "label": "conversion"},
        "spend": {"table": "email", "kind": "amount", "label": "spend"},
    }
    findings = check(_schema({"email": {"source": "email.parquet"}}, tasks), shared_data / "hillstrom")
    assert {f.status for f in findings} == {"PASS"}, lines(findings)
    one = check(
        _schema({"email": {"source": "email.parquet"}}, {"conversion": tasks["conversion"]}), shared_data / "hillstrom"
    )
    assert [f.column for f in one if f.name == "leak"] == ["spend"]


def test_movielens_warns_of_new_users_and_of_links(shared_data: Path) -> None:
    tables = {
        "ratings": {"source": "ratings.parquet", "time": "timestamp", "keys": {"userId": "users", "movieId": "movies"}},
        "movies": {"source": "movies.parquet", "id": "movieId"},
        "users": {"of": "ratings.userId", "id": "userId"},
    }
    tasks = {
        "like": {"table": "ratings", "kind": "binary", "label": "rating >= 4"},
        "next": {"table": "ratings", "kind": "retrieval", "label": "movieId", "where": "rating >= 4"},
        "genre": {"table": "movies", "kind": "multilabel", "label": "genres", "inputs": ["movies.title"]},
    }
    findings = check(_schema(tables, tasks, split={"by": "time"}), shared_data / "movielens_small")
    assert not [f for f in findings if f.status == "FAIL"], lines(findings)
    assert "no training row has" in _one(findings, "unseen", "userId").message
    assert "20 classes" in _one(findings, "rate", "genre").message
