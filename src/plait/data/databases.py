"""Tables of SQLite files, read with the standard library so that no driver has to be installed."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from plait.errors import DataError, nearest

__all__ = ["content", "sqlite_rows"]


def sqlite_rows(name: str, path: Path, table: str) -> pa.Table:
    """Read a table of an SQLite file in the order of its row ids.

    Args:
        name: the table of the recipe, for messages.
        path: the file.
        table: its table.

    Raises:
        DataError: if there is no such file or table, or the file is no SQLite database.
    """
    if not path.is_file():
        raise DataError(f"Table `{name}`: there is no database file {path}. Correct `tables.{name}.source`.")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as there:
            known = [r[0] for r in there.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
            if table not in known:
                found = f"Found {known[:20]}.{nearest(table, known)}"
                raise DataError(f"Table `{name}`: the database {path} should have a table `{table}`. {found}")
            quoted = '"' + table.replace('"', '""') + '"'
            cursor = there.execute(f"SELECT * FROM {quoted}")
            names = [c[0] for c in cursor.description]
            rows = cursor.fetchall()
    except sqlite3.Error as error:
        raise DataError(f"Table `{name}`: the database {path} cannot be read: {error}.") from error
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({n: _column(list(c)) for n, c in zip(names, columns, strict=True)})


def _column(values: list[object]) -> pa.Array:
    """Make an Arrow column of what SQLite stores, which may differ from row to row."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in values])


def content(rows: pa.Table) -> str:
    """Hash the content of a table in memory."""
    digest = hashlib.sha256()
    for batch in rows.to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()
