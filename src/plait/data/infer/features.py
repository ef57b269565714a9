"""The kind of every column that a recipe does not name."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from plait.data.engine import Engine
from plait.data.infer.kinds import Choice, choose
from plait.data.infer.profile import Profile
from plait.data.infer.read import look_at
from plait.schema import Feature, Id, Ignore, Table

__all__ = ["choose_in_table", "id_of", "infer_features"]

_THREADS = 2
_ENOUGH = 20_000


def infer_features(tables: Mapping[str, Table], base: Path, engine: Engine | None = None) -> dict[str, Feature]:
    """Choose how every column of every table is read.

    Args:
        tables: the recipe's tables.
        base: the folder that sources are relative to.
        engine: where the tables are already open; else they are opened for the time of the call.

    Returns:
        `table.column` -> feature, in the order of tables and columns. Key columns are left out: what they lead to is reached
        through the key. A table's `id` is an id where another table points at it, else ignored; its `time` is ignored, since
        it orders the rows.
    """
    if engine is None:
        with Engine(base) as opened:
            for name, table in tables.items():
                if table.of is None:
                    opened.open(name, table)
            return infer_features(tables, base, opened)
    pointed = {target for table in tables.values() for target in table.keys.values()}
    features: dict[str, Feature] = {}
    for name, table in tables.items():
        if table.of is not None:
            features[f"{name}.{id_of(table)}"] = Id()
            continue
        columns = [column for column in engine.columns(name) if column not in table.keys or column == table.id]
        with ThreadPoolExecutor(_THREADS) as pool:
            for seen in pool.map(partial(_look, engine, name), columns):
                features[f"{name}.{seen.name}"] = choose_in_table(seen, table, name in pointed).feature
    return features


def _look(engine: Engine, table: str, column: str) -> Profile:
    """Look at one column; fewer rows than for a recipe's comments are enough to tell the kind."""
    return look_at(table, column, engine.column(table, column), _ENOUGH)


def id_of(table: Table) -> str | None:
    """Name the id column of a table; of a table of distinct values it is the column these come from."""
    return table.id or (table.of.rsplit(".", 1)[-1] if table.of else None)


def choose_in_table(seen: Profile, table: Table, pointed: bool) -> Choice:
    """Choose how a column is read, knowing its part in the table.

    Args:
        seen: the column's profile.
        table: its table.
        pointed: whether another table has a key to this one.
    """
    if seen.name == table.id:
        if pointed:
            return Choice(Id(), f"{seen.distinct:,} rows, one learned vector each", ("ignore",))
        return Choice(Ignore(), "names the row; no other table points at it", ("id",))
    if seen.name == table.time:
        return Choice(Ignore(), "orders the rows", ("time",))
    choice = choose(seen)
    if seen.rows == 1 and isinstance(choice.feature, Ignore) and seen.nulls == 0:
        return replace(choose(replace(seen, rows=0)), why="a single row")
    return choice
