"""Checks of tasks that are given others: labels that break the order, and labels observed only where the parent is 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plait.data.check import Finding, check
from support.checked import ROWS, good, one, schema_of

CLICK = (np.arange(ROWS) % 3 == 0).astype(np.int64)


def run(folder: Path, bought: pa.Array, **task: str) -> list[Finding]:
    pq.write_table(pa.table({**good(), "clicked": CLICK, "bought": bought}), folder / "t.parquet")
    tasks = {
        "click": {"table": "t", "kind": "binary", "label": "clicked"},
        "buy": {"table": "t", "kind": "binary", "label": "bought", "given": "click", **task},
    }
    return check(schema_of({"t": {"source": "t.parquet", "id": "row_id"}}, tasks), folder)


@pytest.mark.parametrize(
    ("bought", "task", "status", "words"),
    [
        (CLICK * (np.arange(ROWS) % 2), {}, "PASS", "given `click`; 600 rows have both labels"),
        (1 - CLICK, {}, "WARN", "should be 0 where `click` is 0, since it is given `click`. Found 400 rows that are not"),
        (CLICK * (np.arange(ROWS) % 2), {"where": "clicked = 1"}, "WARN", "is observed only where `click` is 1."),
        (1 - CLICK, {"kind": "regression"}, "PASS", "given `click`"),
    ],
)
def test_chains(tmp_path: Path, bought: np.ndarray, task: dict[str, str], status: str, words: str) -> None:
    found = one(run(tmp_path, pa.array(bought), **task), "given")
    assert found.status == status
    assert words in found.message
