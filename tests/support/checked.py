"""A good table with one thing made wrong, and the findings about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plait.data.check import Finding, check
from plait.schema import Schema, Split, Table, Task

ROWS = 600
TASK = {"task": {"table": "t", "kind": "binary", "label": "label"}}
Run = Callable[..., list[Finding]]


def schema_of(
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


def good() -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {
        "row_id": np.arange(ROWS),
        "x": random.normal(size=ROWS),
        "colour": random.choice(["red", "green", "blue"], ROWS),
        "note": [f"some words about {i}" for i in range(ROWS)],
        "at": 1_600_000_000 + np.arange(ROWS) * 3600,
        "label": (random.random(ROWS) < 0.4).astype(np.int64),
    }


def check_table(
    folder: Path,
    columns: dict[str, Any] | None = None,
    task: dict[str, Any] | None = None,
    features: dict[str, Any] | None = None,
    split: dict[str, Any] | None = None,
    **table: Any,
) -> list[Finding]:
    """Write the good table with some columns replaced and check it."""
    pq.write_table(pa.table(good() | (columns or {})), folder / "t.parquet")
    wanted = {"table": "t", "kind": "binary", "label": "label"} | (task or {})
    described = {"source": "t.parquet", "id": "row_id"} | table
    return check(schema_of({"t": described}, {"task": wanted}, features, split), folder)


def runner(folder: Path) -> Run:
    """Return `check_table` for one folder."""
    return partial(check_table, folder)


def one(findings: list[Finding], name: str, column: str | None = None, status: str | None = None) -> Finding:
    """Return the only finding of a check."""
    found = [f for f in findings if f.name == name and column in (None, f.column) and status in (None, f.status)]
    assert len(found) == 1, [(f.status, f.name, f.column, f.message) for f in findings]
    return found[0]
