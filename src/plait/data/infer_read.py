"""Rows of tables to look at: all of a small table, evenly spread rows of a large one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from plait.errors import DataError

__all__ = ["read"]


def read(source: str, base: Path) -> pa.Table:
    """Read a file whole."""
    path = base / source
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    if path.suffix in (".csv", ".tsv"):
        return pyarrow.csv.read_csv(path)
    if path.suffix in (".jsonl", ".json", ".ndjson"):
        return pyarrow.json.read_json(path)
    raise DataError(f"cannot read {path}")
