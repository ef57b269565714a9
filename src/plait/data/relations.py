"""Ids and keys as row numbers, and which rows of a table a training example can reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.engine import Engine
from plait.data.moments import moments
from plait.data.values import flat, plain
from plait.data.vocabulary import Vocabulary
from plait.errors import DataError
from plait.schema import Schema, Table

__all__ = ["Relations", "id_column", "key_rows", "relate"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


@final
@dataclass(slots=True)
class Relations:
    """What holds the tables of a schema together."""

    rows: dict[str, int] = field(default_factory=dict)
    ids: dict[str, Vocabulary] = field(default_factory=dict)
    """Table with an id -> its ids in row order."""
    keys: dict[str, dict[str, Ints]] = field(default_factory=dict)
    """Table -> key -> int32 [rows]: row number in the target, 0 for none."""
    times: dict[str, Longs] = field(default_factory=dict)
    """Table with a time -> int64 [rows], microseconds."""
    notes: list[str] = field(default_factory=list)

    def follow(self, table: str, path: list[str], schema: Schema) -> Ints:
        """Return int32 [rows of `table`]: the row number at the end of a path of keys."""
        found = np.arange(1, self.rows[table] + 1, dtype=np.int32)
        for key in path:
            found = np.append(np.int32(0), self.keys[table][key])[found]
            table = schema.tables[table].keys[key]
        return found

    def reached(self, table: str, schema: Schema, parts: Mapping[str, npt.NDArray[np.uint8]]) -> tuple[Longs, Longs]:
        """Count how often training examples reach each row of a table.

        A table that tasks use, or that nothing points at, trains with its own training part. Any other row is seen as often
        as rows that are seen themselves point at it.

        Returns:
            int64 [rows] for the table's ids: references alone where anything points at it; and int64 [rows] for its other
            features: references and its own training rows.
        """
        return self._reached(table, schema, parts, frozenset())

    def _reached(
        self, table: str, schema: Schema, parts: Mapping[str, npt.NDArray[np.uint8]], above: frozenset[str]
    ) -> tuple[Longs, Longs]:
        own = (parts[table] == 1).astype(np.int64)
        incoming = [
            (source, key)
            for source, described in schema.tables.items()
            for key, target in described.keys.items()
            if target == table and source != table and source not in above
        ]
        if not incoming:
            return own, own
        references = np.zeros(self.rows[table], dtype=np.int64)
        for source, key in incoming:
            seen = self._reached(source, schema, parts, above | {table})[1] > 0
            references += np.bincount(self.keys[source][key][seen], minlength=self.rows[table] + 1)[1:]
        used = any(task.table == table for task in schema.tasks.values())
        return references, references + own if used else references


def id_column(table: Table) -> str | None:
    """Name the column that other tables' keys point at."""
    return table.id or ((table.of or "").rpartition(".")[2] or None)


def relate(engine: Engine, schema: Schema) -> Relations:
    """Read ids, keys and times of all tables.

    Raises:
        DataError: if an id is missing or occurs twice, with examples.
    """
    found = Relations()
    for name, table in schema.tables.items():
        found.rows[name] = engine.count(name)
        if (column := id_column(table)) is not None:
            found.ids[name] = _ids(engine, name, column)
        if table.time is not None:
            found.times[name] = moments(engine.column(name, table.time), f"{name}.{table.time}")
    for name, table in schema.tables.items():
        found.keys[name] = {}
        for key, target in table.keys.items():
            rows, alone = key_rows(engine.column(name, key), found.ids[target])
            found.keys[name][key] = rows
            if alone:
                first = int(np.flatnonzero(rows < 0)[0])
                np.maximum(rows, 0, out=rows)
                value = engine.column(name, key)[first].as_py()
                found.notes.append(
                    f"`{name}.{key}`: {alone} of {len(rows)} rows have no partner in table `{target}`, first `{value}` in "
                    f"row {first + 1}."
                )
    return found


def key_rows(column: pa.ChunkedArray | pa.Array, ids: Vocabulary) -> tuple[Ints, int]:
    """Turn keys into row numbers.

    Returns:
        int32 [rows]: row number, 0 for NULL, -1 for a value without partner; and how many have none.
    """
    found = ids.encode(column)
    # `encode` says 0 for an unknown value and -1 for NULL; here it is the unknown value that stands out.
    rows = np.where(found > 0, found, -1 - found).astype(np.int32)
    return rows, int((rows < 0).sum())


def _ids(engine: Engine, name: str, column: str) -> Vocabulary:
    values = plain(flat(engine.column(name, column)))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.null_count:
        first = int(np.flatnonzero(pc.is_null(values).to_numpy(zero_copy_only=False))[0]) + 1
        raise DataError(
            f"`{name}.{column}` is the id of table `{name}` and should not be NULL. Found NULL in {values.null_count} of "
            f"{len(values)} rows, first in row {first}. Remove these rows, or name another column as `id`."
        )
    distinct = len(values.unique())
    if distinct < len(values):
        counted = values.value_counts()
        twice = counted.filter(pc.greater(counted.field("counts"), 1)).field("values")
        place = np.flatnonzero(pc.equal(values, twice[0]).to_numpy(zero_copy_only=False)) + 1
        raise DataError(
            f"`{name}.{column}` is the id of table `{name}` and should name each row once. Found {len(values) - distinct} "
            f"rows too many: `{twice[0].as_py()}` in rows {', '.join(str(p) for p in place[:3])}, and {len(twice) - 1} "
            f"other values. Remove the repeated rows, or name another column as `id`."
        )
    return Vocabulary(values)
