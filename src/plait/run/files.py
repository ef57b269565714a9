"""Rows from a file of any kind the recipe could name, and rows to a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from plait.data.engine import Engine
from plait.errors import DataError, nearest

__all__ = ["read_rows", "write_rows"]


def read_rows(path: Path) -> pa.Table:
    """Read all rows of a Parquet, CSV or JSON-lines file, in file order.

    Raises:
        DataError: there is no such file, or it cannot be read.
    """
    if not path.exists():
        near = nearest(path.name, [p.name for p in path.parent.glob("*.*")]) if path.parent.is_dir() else ""
        raise DataError(f"`{path}` should be a Parquet, CSV or JSON-lines file of rows. Found no such file.{near}")
    with Engine(path.parent) as engine:
        engine.read("rows", path.name)
        return pa.table({name: engine.column("rows", name) for name in engine.columns("rows")})


def write_rows(rows: pa.Table, path: Path) -> None:
    """Write rows to `.parquet` or `.csv`; the file appears whole or not at all. In CSV a list becomes `a|b|c`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        if path.suffix == ".csv":
            pc.write_csv(_without_lists(rows), part)
        else:
            pq.write_table(rows, part, write_page_checksum=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _without_lists(rows: pa.Table) -> pa.Table:
    import pyarrow.compute as compute

    columns = {}
    for name in rows.column_names:
        column = rows[name]
        if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            joined = compute.cast(column, pa.list_(pa.string()))
            column = compute.binary_join(joined, "|")
        columns[name] = column
    return pa.table(columns)
