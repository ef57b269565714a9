"""Checks of labels, leaks and splits, each with its words, and on real tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.check import Finding, check, lines
from support.checked import ROWS, TASK, Run, good, one, runner, schema_of


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return runner(tmp_path)


# --- labels ------------------------------------------------------------------------------------------------------------


def test_label_all_null(run: Run) -> None:
    found = one(run({"label": pa.nulls(ROWS, pa.int64())}), "label")
    assert found.status == "FAIL" and "Found NULL in all 600 rows" in found.message


def test_label_of_one_class(run: Run) -> None:
    found = one(run({"label": np.ones(ROWS, dtype=np.int64)}), "label")
    assert found.status == "FAIL" and "Found only 1 in all 600 observed rows" in found.message


def test_label_mostly_null(run: Run) -> None:
    label = pa.array([i % 2 if i % 20 < 1 or i % 20 == 7 else None for i in range(ROWS)])
    findings = run({"label": pa.array([v.as_py() if i % 40 < 8 else None for i, v in enumerate(label)])})
    found = one(findings, "observed")
    assert found.status == "WARN" and "NULL is never read as 0" in found.message


@pytest.mark.parametrize("wrong", [-1, 2])
def test_label_outside_its_kind(run: Run, wrong: int) -> None:
    label = np.arange(ROWS) % 2
    label[[4, 8]] = wrong
    found = one(run({"label": label}), "label")
    assert found.status == "FAIL" and f"Found {wrong} in 2 rows" in found.message
    assert [row["row"] for row in found.examples] == [5, 9]


def test_negative_amount(run: Run) -> None:
    amount = np.where(np.arange(ROWS) == 3, -5.0, np.arange(ROWS) % 9)
    found = one(run({"amount": amount}, task={"kind": "amount", "label": "amount"}), "label")
    assert found.status == "FAIL" and "should be an amount of 0 or more" in found.message and found.examples[0]["row"] == 4


def test_few_positives(run: Run) -> None:
    found = one(run({"label": (np.arange(ROWS) % 100 == 0).astype(int)}), "rate")
    assert found.status == "WARN" and "6 of 600 are positive (1.0%); with 6 of the rarer kind" in found.message


def rare(folder: Path, rows: int, every: int) -> list[Finding]:
    label = (np.arange(rows) % every == 0).astype(int)
    numbers = np.random.default_rng(0).normal(size=rows)
    pq.write_table(pa.table({"id": np.arange(rows), "x": numbers, "label": label}), folder / "rows.parquet")
    task = {"table": "rows", "kind": "binary"}
    tasks = {"yes": {**task, "label": "label"}, "no": {**task, "label": "label = 0"}}
    return check(schema_of({"rows": {"source": "rows.parquet", "id": "id"}}, tasks), folder)


def test_a_rare_label_with_enough_rows(tmp_path: Path) -> None:
    found = one(rare(tmp_path, 6000, 100), "rate", "yes")
    assert found.status == "PASS"
    assert "60 of 6,000 are positive (1.0%); about 10 in 1,000 rows are of the rarer kind" in found.message


def test_a_label_that_most_steps_do_not_see(tmp_path: Path) -> None:
    findings = rare(tmp_path, 80_000, 1500)
    yes, no = one(findings, "rate", "yes"), one(findings, "rate", "no")
    assert yes.status == no.status == "WARN"
    assert "fewer than 1 in 1,000 rows is of the rarer kind, so most steps see none. Show fewer of the others" in yes.message
    assert "`resample: {0: 0.1}`" in yes.message and "`resample: {1: 0.1}`" in no.message


def test_rare_classes(run: Run) -> None:
    colour = ["red", "green"] * (ROWS // 2 - 1) + ["violet"] * 2
    found = one(run({"colour": colour}, task={"kind": "multiclass", "label": "colour"}), "rate")
    assert found.status == "WARN" and "1 classes have fewer than 10 rows: violet (2)" in found.message


def test_sample_space_and_weights(run: Run) -> None:
    findings = run({"w": np.where(np.arange(ROWS) == 2, -1.0, 1.0)}, task={"where": "x > 0", "sample_weight": "w"})
    assert "where x > 0" in one(findings, "observed").message
    columns = {"w": np.full(ROWS, -1.0)}
    found = one(run(columns, task={"sample_weight": "w"}), "weight")
    assert found.status == "FAIL" and "should give numbers of 0 or more. Found 600 rows" in found.message


def test_task_on_an_unknown_table(tmp_path: Path) -> None:
    pq.write_table(pa.table(good()), tmp_path / "t.parquet")
    schema = schema_of({"orders": {"source": "t.parquet"}}, {"task": {"table": "order", "kind": "binary", "label": "label"}})
    found = one(check(schema, tmp_path), "label")
    assert found.status == "FAIL" and "Did you mean `orders`?" in found.message


# --- leaks -------------------------------------------------------------------------------------------------------------


def test_a_copy_of_the_label(run: Run) -> None:
    label = good()["label"]
    found = one(run({"answer": np.where(label > 0, "yes", "no")}), "leak")
    assert (found.status, found.column) == ("WARN", "answer")
    assert (
        "gives the label of task `task` away: AUC 1.0000" in found.message
        and "`features: {t.answer: ignore}`" in found.message
    )
    assert set(found.examples[0]) == {"row", "answer", "label"}


def test_a_number_that_gives_the_label_away(run: Run) -> None:
    label = good()["label"]
    paid = np.random.default_rng(3).random(ROWS) + 3 * label
    assert one(run({"paid": paid}), "leak").column == "paid"
    gaps = pa.array([None if v else 1.0 * i for i, v in enumerate(label)])
    assert one(run({"closed": gaps}), "leak").column == "closed"


def test_a_column_that_gives_classes_or_amounts_away(run: Run) -> None:
    kind = np.arange(ROWS) % 4
    columns = {"kind": np.array(["a", "b", "c", "d"])[kind], "code": kind * 10, "x": np.linspace(5, 9, ROWS)}
    assert one(run(columns, task={"kind": "multiclass", "label": "kind"}), "leak").column == "code"
    random = np.random.default_rng(4).gamma(2.0, 3.0, ROWS)
    assert (
        one(run({"net": random, "gross": random * 1.19}, task={"kind": "regression", "label": "net"}), "leak").column
        == "gross"
    )


def test_a_label_that_is_the_same_for_each_user(tmp_path: Path) -> None:
    shop = np.arange(ROWS) % 10
    values = good() | {"shop": shop, "label": (shop % 2).astype(np.int64)}
    pq.write_table(pa.table(values), tmp_path / "t.parquet")
    tables = {"t": {"source": "t.parquet", "keys": {"shop": "shops"}}, "shops": {"of": "t.shop", "id": "shop"}}
    findings = check(schema_of(tables, TASK), tmp_path)
    found = one(findings, "leak")
    assert (found.table, found.column) == ("shops", "shop") and "(through key `shop`)" in found.message


def test_infinite_labels_are_told_once_and_disturb_no_other_check(run: Run) -> None:
    random = np.random.default_rng(1).normal(size=ROWS)
    label = random.copy()
    label[3] = np.inf
    findings = run({"net": label, "gross": random * 1.19}, task={"kind": "regression", "label": "net"})
    assert "should be a finite number" in one(findings, "label").message
    assert one(findings, "leak").column == "gross"


def test_columns_of_labels_are_no_leak(run: Run) -> None:
    assert one(run(task={"label": "x > 0"}), "leak").status == "PASS"


# --- split -------------------------------------------------------------------------------------------------------------


def test_labels_that_all_fall_in_the_test_part(run: Run) -> None:
    label = pa.array([i % 2 if i >= ROWS - 40 else None for i in range(ROWS)])
    found = one(run({"label": label}, split={"by": "time"}, time="at"), "split")
    assert found.status == "FAIL" and "0 labels train, 0 validate, 40 test: all fall in the test part" in found.message


def test_small_parts(run: Run) -> None:
    label = pa.array([i % 2 if i % 5 == 0 else None for i in range(ROWS)])
    assert "too few to measure with" in one(run({"label": label}), "split").message
    found = one(run(split={"by": "random", "test": 0.0}), "split")
    assert found.status == "WARN" and "the test part has none, so the task cannot be measured" in found.message


def test_a_part_of_one_class(run: Run) -> None:
    label = (np.arange(ROWS) < ROWS // 2).astype(int)
    found = one(run({"label": label}, split={"by": "time"}, time="at"), "split")
    assert found.status == "WARN" and "the validation part holds only 0" in found.message


def test_a_split_column_with_other_words(run: Run) -> None:
    found = one(run({"part": ["train", "holdout"] * (ROWS // 2)}, split={"by": "column", "column": "part"}), "split")
    assert found.status == "FAIL" and "should hold `train`, `valid` or `test`. Found ['holdout']" in found.message


def test_unseen_values_of_the_test_part(run: Run) -> None:
    week = [f"week {i // 30}" for i in range(ROWS)]
    findings = run({"week": week}, features={"t.week": "category"}, split={"by": "time"}, time="at")
    found = one(findings, "unseen", "week")
    assert (
        found.status == "WARN"
        and "60 of 60 test rows (100.0%) hold a value that no training row has, such as week 18" in found.message
    )


# --- real tables ---------------------------------------------------------------------------------------------------------


def test_hillstrom_has_no_leak_between_its_chained_labels(shared_data: Path) -> None:
    tasks = {
        "visit": {"table": "email", "kind": "binary", "label": "visit"},
        "conversion": {"table": "email", "kind": "binary", "label": "conversion"},
        "spend": {"table": "email", "kind": "amount", "label": "spend"},
    }
    findings = check(schema_of({"email": {"source": "email.parquet"}}, tasks), shared_data / "hillstrom")
    assert {f.status for f in findings} == {"PASS"}, lines(findings)
    one = check(
        schema_of({"email": {"source": "email.parquet"}}, {"conversion": tasks["conversion"]}), shared_data / "hillstrom"
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
    findings = check(schema_of(tables, tasks, split={"by": "time"}), shared_data / "movielens_small")
    assert not [f for f in findings if f.status == "FAIL"], lines(findings)
    assert "no training row has" in one(findings, "unseen", "userId").message
    assert "20 classes" in one(findings, "rate", "genre").message


def test_the_other_checks_look_at_the_rows_that_are_right(run: Run) -> None:
    label = np.arange(ROWS) % 2
    label[4] = 7
    findings = run({"label": label, "same": label.astype(float)})
    assert [(f.name, f.column) for f in findings if f.status != "PASS"] == [("label", "task"), ("leak", "same")]
    assert "AUC 1.0000 by this column alone" in one(findings, "leak", "same").message
    assert one(findings, "split").message.startswith("479 labels train, 60 validate, 60 test")


@pytest.mark.parametrize("label", [pa.nulls(ROWS, pa.int64()), np.ones(ROWS, dtype=np.int64), np.full(ROWS, 3)])
def test_a_label_that_teaches_nothing_is_told_once(run: Run, label: object) -> None:
    findings = run({"label": label, "other": np.arange(ROWS) % 3})
    assert [(f.name, f.column) for f in findings if f.status != "PASS" and f.column == "task"] == [("label", "task")]


@pytest.mark.filterwarnings("error")
def test_numbers_too_large_to_square(run: Run) -> None:
    huge = np.random.default_rng(1).normal(size=ROWS) * 1e300
    findings = run({"x": huge, "y": np.arange(ROWS) * 1.0}, task={"kind": "regression", "label": "y"})
    assert one(findings, "leak", "at").status == "WARN"
    wrong = one(run({"x": huge}, task={"kind": "regression", "label": "x"}), "label")
    assert wrong.status == "FAIL" and "should be a finite number" in wrong.message


def test_rows_without_a_label_are_no_examples_of_infinite_ones(run: Run) -> None:
    x = np.arange(ROWS) * 1.0
    x[2], x[7] = np.nan, np.inf
    found = one(run({"x": x}, task={"kind": "regression", "label": "x"}), "label")
    assert [row["row"] for row in found.examples] == [8]


def test_a_sample_space_is_true_or_false(run: Run) -> None:
    found = one(run({}, task={"where": "x"}), "label")
    assert found.status == "FAIL" and "should be a condition, true or false. Found double" in found.message


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("x >=> 4", "It cannot be read at `>`, character 5."),
        ("(x", "It cannot be read at `x`, character 2. Expecting )."),
        ("colour = 'red", "a quotation mark may be open"),
    ],
)
def test_a_label_that_is_no_sql(run: Run, label: str, words: str) -> None:
    found = one(run({}, task={"label": label}), "label")
    assert found.status == "FAIL" and words in found.message and "class" not in found.message


def test_a_number_column_with_a_word_in_it(run: Run) -> None:
    x = ["1.5"] * ROWS
    x[3] = "n/a"
    found = one(run({"x": x}, task={"kind": "regression", "label": "x"}), "label")
    assert found.status == "FAIL" and "Found string such as `n/a` in row 4" in found.message
    found = one(run({"x": x}, task={"label": "x > 1"}), "label")
    assert found.status == "FAIL" and "`try_cast(column AS DOUBLE)` reads its numbers" in found.message
