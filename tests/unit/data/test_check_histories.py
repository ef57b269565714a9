"""Checks of histories: conditions that cannot be, that nothing meets, and that read what is known only later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.check import Finding, check
from support.checked import one, schema_of

ROWS = 600
DELAY = {"at": "paid", "window": "7 days"}


def found(folder: Path, where: str, **task: object) -> list[Finding]:
    """Check clicks of 30 users, a third of which are bought, half of these a day later."""
    rows = np.arange(ROWS)
    at = np.datetime64("2024-01-01", "us") + (rows * 3600e6).astype("timedelta64[us]")
    later = at + np.where(rows % 2 == 0, 0, 86_400_000_000).astype("timedelta64[us]")
    paid = np.where(rows % 3 == 0, later, np.datetime64("NaT", "us"))
    columns = {"user": rows % 30, "item": rows % 20, "at": at, "paid": paid, "price": rows % 7}
    pq.write_table(pa.table(columns), folder / "clicks.parquet")
    tables = {
        "clicks": {"source": "clicks.parquet", "time": "at", "keys": {"user": "users", "item": "items"}},
        "users": {"of": "clicks.user", "id": "user"},
        "items": {"of": "clicks.item", "id": "item"},
    }
    features = {"users.bought": {"kind": "history", "of": "clicks.item", "where": where}}
    tasks = {"buy": {"table": "clicks", "kind": "binary", "label": "paid IS NOT NULL", **task}}
    return check(schema_of(tables, tasks, features, {"by": "time"}), folder)


def test_a_condition_on_a_late_label_is_a_leak(tmp_path: Path) -> None:
    leak = one(found(tmp_path, "paid IS NOT NULL", delay=DELAY), "leak", "users.bought")
    assert leak.status == "WARN"
    assert "reads `paid`, which the label of task `buy` is made of" in leak.message
    assert "up to 7 days after its row" in leak.message
    assert "That is so in 100 of 200 rows that count." in leak.message
    assert leak.examples[0]["row"] == 4


@pytest.mark.parametrize(("where", "delay"), [("paid IS NOT NULL", None), ("price > 3", DELAY)])
def test_other_conditions_are_none(tmp_path: Path, where: str, delay: object) -> None:
    findings = found(tmp_path, where, delay=delay)
    assert one(findings, "history").status == "PASS"
    assert not [f for f in findings if f.name == "leak" and f.column == "users.bought"]


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [
        ("prise > 3", "FAIL", "Did you mean `price`?"),
        ("price", "FAIL", "should be a condition, true or false. Found int64"),
        ("price > 9", "WARN", "so this history is always empty"),
    ],
)
def test_a_condition_that_cannot_be(tmp_path: Path, where: str, status: str, words: str) -> None:
    finding = one(found(tmp_path, where), "history")
    assert finding.status == status and words in finding.message
