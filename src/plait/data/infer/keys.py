"""Which column names the rows of a table, and which columns of other tables point at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

import pyarrow as pa
import pyarrow.compute as pc

from plait.data.infer.guess import Seen
from plait.data.infer.names import ID_WORDS, looks_like_code, looks_like_id, singular, words
from plait.data.infer.profile import Profile
from plait.schema import Table

__all__ = ["Key", "find_id", "find_keys", "made_tables", "names_a_person"]

_PEOPLE = frozenset(
    "user customer client member household reviewer buyer visitor person patient subscriber account player reader u"
    " 用户".split()
)
_CODES = frozenset("asin sku isbn ean gtin upc".split())
_LOOK = 200_000

_Member = tuple[Seen, Profile]


@final
@dataclass(frozen=True, slots=True)
class Key:
    """A column that holds another table's ids.

    Attributes:
        table: the table that holds it.
        column: the column.
        target: the table it points at.
        share: share of its different values that the target's id holds.
        why: what was seen.
    """

    table: str
    column: str
    target: str
    share: float
    why: str


def find_id(table: Seen) -> str | None:
    """Find the column that names the rows: every value once, none empty, a name like an identifier's."""
    whole = [p for p in table.profiles.values() if p.unique and p.rows > 1 and p.shape in ("integer", "text")]
    named = [p.name for p in whole if looks_like_id(p.name)]
    thing = singular(words(table.name)[-1]) if words(table.name) else ""
    for name in named:
        about = [word for word in words(name) if word not in ID_WORDS]
        if not about or singular(about[-1]) == thing or words(name)[-1] == thing + "id":
            return name
    return named[0] if named else None


def find_keys(tables: Mapping[str, Seen], ids: Mapping[str, str]) -> list[Key]:
    """Find the keys between tables, by name and by containment of values.

    Args:
        tables: the tables by name.
        ids: table -> its id column.
    """
    keys: list[Key] = []
    for table in tables.values():
        for seen in table.profiles.values():
            if seen.shape not in ("integer", "text") or not seen.filled or seen.name == ids.get(table.name):
                continue
            others = [target for target in ids if target != table.name]
            found = [key for target in others if (key := _key(table, seen, tables[target], ids[target]))]
            if found:
                keys.append(max(found, key=lambda key: _fit(key, tables)))
    return keys


def _fit(key: Key, tables: Mapping[str, Seen]) -> tuple[bool, bool, float, int]:
    """Rank the tables a column may point at: the one it is named after, then one that tells more than ids."""
    target = tables[key.target]
    about = {singular(word) for word in words(key.column)}
    tells = any(not looks_like_id(seen.name) for seen in target.profiles.values())
    return singular((words(key.target) or [""])[-1]) in about, tells, key.share, -target.rows


def _key(table: Seen, seen: Profile, target: Seen, id_column: str) -> Key | None:
    """Judge whether a column holds a table's ids."""
    named = _named_alike(seen.name, id_column, target.name)
    if seen.name not in table.values or id_column not in target.values:
        return None
    if seen.shape != target.profiles[id_column].shape or not (named or (looks_like_id(seen.name) and seen.distinct >= 20)):
        return None
    share = _contained(table.values[seen.name], target.values[id_column])
    small = seen.shape == "integer" and target.profiles[id_column].high <= 1.5 * target.rows
    if share < (0.5 if named else 0.99) or (not named and small):
        return None
    why = f"{share:.1%} of its values are in `{target.name}.{id_column}`"
    return Key(table.name, seen.name, target.name, share, why if named else f"by its values: {why}")


def _named_alike(column: str, id_column: str, target: str) -> bool:
    """Tell whether a column's name says that it holds the ids of a table: `movieId`, `left_movie_id`, `movie`."""
    have, want = words(column), words(id_column)
    about = [singular(word) for word in have if word not in ID_WORDS]
    thing = [singular(word) for word in words(target)]
    generic = not [word for word in want if word not in ID_WORDS]
    if not generic and have[-len(want) :] == want:
        return True
    return bool(about) and bool(thing) and about[-1] == thing[-1] and (len(have) > len(about) or len(have) == 1)


def _contained(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> float:
    """Compute the share of a column's different values that an id column holds."""
    distinct = pc.unique(values.slice(0, _LOOK).drop_null())
    if len(distinct) == 0:
        return 0.0
    common = pa.large_string() if pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type) else pa.float64()
    held = pc.is_in(distinct.cast(common, safe=False), value_set=pc.unique(ids).cast(common, safe=False))
    return float(pc.mean(held.cast(pa.int8())).as_py())


def made_tables(tables: Mapping[str, Seen], ids: Mapping[str, str], keys: list[Key]) -> tuple[dict[str, Table], list[Key]]:
    """Make tables of identifiers that come back and have no table of their own, such as users.

    Returns:
        The new tables (`of` the column that knows the most values) and the keys that point at them.
    """
    taken = {(key.table, key.column) for key in keys}
    groups: dict[str, list[_Member]] = {}
    for table in tables.values():
        for seen in table.profiles.values():
            if seen.name != ids.get(table.name) and (table.name, seen.name) not in taken and _comes_back(seen, table):
                parts = words(seen.name)
                tail = parts[-2:] if parts[-1] in ID_WORDS else parts[-1:]
                groups.setdefault("_".join(tail), []).append((table, seen))
    made: dict[str, Table] = {}
    more: list[Key] = []
    for thing, members in _together(groups):
        if max(seen.repeats for _, seen in members) < 2:
            continue
        source, best = max(members, key=lambda member: member[1].distinct)
        name = _plural(thing, {*tables, *made})
        made[name] = Table(of=f"{source.name}.{best.name}", id=best.name)
        for table, seen in members:
            more.append(Key(table.name, seen.name, name, 1.0, f"{seen.distinct:,} different, {seen.repeats:.1f} rows each"))
    return made, more


def _together(groups: Mapping[str, list[_Member]]) -> Iterator[tuple[str, list[_Member]]]:
    """Split columns of one name (`user_id`, or `left_item_id` and `right_item_id`) where they hold different things."""
    for thing, members in groups.items():
        source, best = max(members, key=lambda member: member[1].distinct)
        known = source.values[best.name]
        same = [
            (table, seen)
            for table, seen in members
            if seen is best or (seen.shape == best.shape and _contained(table.values[seen.name], known) >= 0.5)
        ]
        yield thing, same
        for table, seen in members:
            if all(seen is not other for _, other in same):
                yield "_".join(words(seen.name)), [(table, seen)]


def _comes_back(seen: Profile, table: Seen) -> bool:
    """Tell whether a column names things of which several rows speak."""
    if seen.shape not in ("integer", "text") or not looks_like_id(seen.name) or looks_like_code(seen.name):
        return False
    return seen.name in table.values and seen.distinct >= 2 and seen.nulls < 0.5 * table.rows and seen.words < 4


def _plural(column: str, taken: set[str]) -> str:
    """Name the table of a column's values: `userId` gives `users`."""
    parts = [word for word in words(column) if word not in ID_WORDS]
    if not parts and words(column)[-1] in _CODES:
        parts = ["product"]
    word = "_".join(parts) or words(column)[-1]
    word = word.removesuffix("id") if not parts and len(word) > 3 else word
    if word.isascii():
        if word.endswith("y") and word[-2:-1] not in "aeiou":
            word = word[:-1] + "ies"
        elif not word.endswith("s"):
            word += "s"
    while word in taken:
        word += "_named"
    return word


def names_a_person(column: str) -> bool:
    """Tell whether a key's name speaks of a person."""
    return any(singular(word) in _PEOPLE or word.removesuffix("id") in _PEOPLE for word in words(column))
