"""Look at tables column by column: all of a small table, evenly spread rows of a large one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.engine import Engine
from plait.data.infer.guess import Seen
from plait.data.infer.names import looks_like_id, singular, words
from plait.data.infer.profile import Profile, profile

__all__ = ["look", "look_at"]

_LOOK = 100_000
_KEPT = ("integer", "text")


def look(engine: Engine, name: str, source: str, things: Collection[str]) -> Seen:
    """Look at all columns of an open table.

    Args:
        engine: where the table is open.
        name: its name.
        source: the file it came from, kept in the result.
        things: what the tables are named after; a column of such a name may be a key.

    Raises:
        CorruptError: if a file is damaged.
    """
    profiles: dict[str, Profile] = {}
    values: dict[str, pa.ChunkedArray] = {}
    for column in engine.columns(name):
        whole = engine.column(name, column)
        seen = profiles[column] = look_at(name, column, whole)
        named = looks_like_id(column) or bool({singular(word) for word in words(column)}.intersection(things))
        if seen.shape in _KEPT and seen.words < 4 and (named or seen.unique):
            values[column] = whole
    return Seen(name, source, engine.count(name), values, profiles)


def look_at(table: str, column: str, values: pa.ChunkedArray, most: int = _LOOK) -> Profile:
    """Profile one column.

    Args:
        table: the table's name.
        column: the column's name.
        values: all of it.
        most: above so many rows, only evenly spread ones are looked at; their counts are brought to the size of the column,
            and different values of what may be an id are counted in all of it.
    """
    if len(values) <= most:
        return profile(table, column, values)
    step = -(-len(values) // most)
    some = values.take(pa.array(np.arange(0, len(values), step)))
    seen = profile(table, column, some)
    times = len(values) / len(some)
    seen = replace(
        seen,
        rows=len(values),
        nulls=round(seen.nulls * times),
        top=tuple((value, round(count * times)) for value, count in seen.top),
    )
    if seen.shape in _KEPT and seen.distinct > 1000 and seen.chars < 60:
        seen = replace(seen, distinct=int(pc.count_distinct(values).as_py()), nulls=values.null_count)
    return seen
