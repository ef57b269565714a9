"""The split of every table, as the recipe's `split` says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from plait.data.engine import Engine
from plait.data.relations import Relations
from plait.data.split import by_column, by_time, by_user, last_of_user, random
from plait.data.values import flat
from plait.data.vocabulary import count
from plait.errors import RecipeError, nearest
from plait.schema import Schema

__all__ = ["assign"]

Parts = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int32]


def assign(engine: Engine, schema: Schema, relations: Relations) -> dict[str, Parts]:
    """Assign every row of every table to a part.

    By time, each table is cut at moments of its own. A table that the split says nothing about (no time, no user, no such
    column) is split at random.

    Raises:
        RecipeError: if no table at all has what the split needs.
    """
    split, seed = schema.split, schema.seed
    rows = relations.rows
    if split.by == "random":
        return {name: random(rows[name], split, seed, name) for name in schema.tables}
    if split.by in ("auto", "time"):
        if split.by == "time" and not relations.times:
            raise RecipeError("`split.by: time` needs a table with a `time`. Found none. Name one, or split `by: random`.")
        return {
            name: by_time(relations.times[name], split) if name in relations.times else random(rows[name], split, seed, name)
            for name in schema.tables
        }
    if split.by == "column":
        return _by_column(engine, schema, relations)
    owner, key = _user(engine, schema)
    result = {}
    for name in schema.tables:
        users, number = _users(engine, schema, relations, name, owner, key)
        if users is None:
            result[name] = random(rows[name], split, seed, name)
        elif split.by == "user":
            result[name] = by_user(users, number, split, seed, owner or name)
        elif name == owner:
            result[name] = random(rows[name], split, seed, name)
        else:
            result[name] = last_of_user(users, relations.times.get(name), split)
    return result


def _by_column(engine: Engine, schema: Schema, relations: Relations) -> dict[str, Parts]:
    column = schema.split.column
    if column is None:
        raise RecipeError(
            "`split.by: column` needs `split.column`, the column that says `train`, `valid` or `test`. Found none."
        )
    known = {c for name in schema.tables for c in engine.columns(name)}
    if column not in known:
        raise RecipeError(
            f"`split.column: {column}` should be a column of some table. Found none.{nearest(column, list(known))}"
        )
    return {
        name: by_column(flat(engine.column(name, column)), schema.split, schema.seed, name)
        if column in engine.columns(name)
        else random(relations.rows[name], schema.split, schema.seed, name)
        for name in schema.tables
    }


def _user(engine: Engine, schema: Schema) -> tuple[str | None, str | None]:
    """Find the users' table and the column that names a user; the table is None where the column is no key."""
    key = schema.split.user
    for task in schema.tasks.values():
        keys = schema.tables[task.table].keys
        if key is None and keys:
            return next(iter(keys.values())), None
        if key is not None and key in keys:
            return keys[key], key
    for name, table in schema.tables.items():
        if key is not None and key in table.keys:
            return table.keys[key], key
        if key is not None and key == table.id:
            return name, key
    if key is None:
        raise RecipeError(
            f"`split.by: {schema.split.by}` needs to know whose row it is: no table of a task has a key. Name a column in "
            f"`split.user`, or split `by: random`."
        )
    known = [c for name in schema.tables for c in engine.columns(name)]
    if key not in known:
        raise RecipeError(f"`split.user: {key}` should be a key or column of a table. Found none.{nearest(key, known)}")
    return None, key


def _users(
    engine: Engine, schema: Schema, relations: Relations, name: str, owner: str | None, key: str | None
) -> tuple[Ints | None, int]:
    """Say whose each row of a table is: users by number from 1, and how many there are."""
    if owner is None:
        if key is None or key not in engine.columns(name):
            return None, 0
        column = flat(engine.column(name, key))
        users = count(column, None, 1)
        return np.maximum(users.encode(column), 0), len(users)
    if name == owner:
        return np.arange(1, relations.rows[name] + 1, dtype=np.int32), relations.rows[name]
    keys = schema.tables[name].keys
    found = key if key in keys and keys[key] == owner else next((k for k, target in keys.items() if target == owner), None)
    return (None, 0) if found is None else (relations.keys[name][found], relations.rows[owner])
