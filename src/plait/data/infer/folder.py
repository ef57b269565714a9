"""Guesses what tables never seen before hold: ids, keys, times, kinds of columns, likely tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from plait.data.engine import Engine
from plait.data.infer.features import choose_in_table
from plait.data.infer.files import find_files, waiting_parts
from plait.data.infer.guess import Guess, Seen
from plait.data.infer.keys import Key, find_id, find_keys, made_tables, names_a_person
from plait.data.infer.kinds import Choice
from plait.data.infer.names import singular, words
from plait.data.infer.read import look
from plait.data.infer.tasks import likely_tasks
from plait.data.infer.times import find_split, find_time
from plait.errors import CorruptError, DataError
from plait.progress import Tell
from plait.schema import History, Id, Table

__all__ = ["infer"]


def infer(folder: Path, tell: Tell | None = None) -> Guess:
    """Read all tables of a folder and guess what they hold.

    Args:
        folder: a folder of Parquet, CSV, TSV or JSON-lines files, or one such file.
        tell: is told what is read, how many tables are done and how many there are.

    Raises:
        DataError: there is nothing to read, or no file can be read.
    """
    base = folder if folder.is_dir() else folder.parent
    seen, left = _read(base, find_files(folder), tell)
    for part, whole in waiting_parts({name: list(table.profiles) for name, table in seen.items()}).items():
        later = seen.pop(part).source
        left[later] = f"looks like a later part of `{whole}`; after training: plait evaluate RUN --table {later}"
    ids = {name: column for name, table in seen.items() if (column := find_id(table))}
    keys = find_keys(seen, ids)
    made, more = made_tables(seen, ids, keys)
    keys = sorted([*keys, *more], key=lambda key: not names_a_person(key.column))
    tables, why = _tables(seen, ids, keys)
    for name, table in made.items():
        count = max(seen[key.table].profiles[key.column].distinct for key in more if key.target == name)
        why[f"tables.{name}"] = f"no file; the {count:,} different values of `{table.of}`"
    tables |= made
    features = _features(seen, tables)
    tasks, possible = likely_tasks({name: seen[name] for name in tables if name in seen}, keys, features)
    if tasks:
        _drop_idle(seen, tables, keys, {task.table for task in tasks}, left)
    features = {place: choice for place, choice in features.items() if place.split(".")[0] in tables}
    keys = [key for key in keys if key.table in tables]
    features |= _histories(seen, tables, keys)
    possible = tuple(task for task in possible if task.table in tables)
    split, why["split"] = find_split(seen, tables, tasks)
    name = re.sub(r"\W+", "_", folder.resolve().stem if folder.is_file() else folder.resolve().name).strip("_") or "tables"
    rows = {name: table.rows for name, table in seen.items()}
    return Guess(name, base, tables, features, tasks, possible, split, why, left, rows)


def _read(base: Path, sources: Mapping[str, str], tell: Tell | None) -> tuple[dict[str, Seen], dict[str, str]]:
    """Look at every file; those that cannot be read are named with the reason."""
    seen: dict[str, Seen] = {}
    left: dict[str, str] = {}
    things = {singular(word) for name in sources for word in words(name)}
    with Engine(base) as engine:
        for number, (name, source) in enumerate(sources.items()):
            if tell is not None:
                tell(f"reading {source}", number, len(sources))
            try:
                engine.open(name, Table(source=source))
                table = look(engine, name, source, things)
            except DataError as error:
                if len(sources) == 1 or isinstance(error, CorruptError):
                    raise
                left[source] = " ".join(str(error).split())
                continue
            if not table.rows:
                left[source] = "no rows"
            else:
                seen[name] = table
        if tell is not None:
            tell("reading", len(sources), len(sources))
    if not seen:
        reasons = "; ".join(f"{source}: {reason}" for source, reason in left.items())
        raise DataError(f"`{base}` should hold at least one table with rows. Found none ({reasons}).")
    return seen, left


def _tables(seen: Mapping[str, Seen], ids: Mapping[str, str], keys: list[Key]) -> tuple[dict[str, Table], dict[str, str]]:
    """Put together id, time and keys of each table, tables of events first."""
    tables: dict[str, Table] = {}
    why: dict[str, str] = {}
    for name in sorted(seen, key=lambda name: (-sum(key.table == name for key in keys), -seen[name].rows)):
        mine = {key.column: key for key in keys if key.table == name}
        time = find_time(seen[name], events=bool(mine) or name not in ids)
        targets = {column: key.target for column, key in mine.items()}
        tables[name] = Table(source=seen[name].source, id=ids.get(name), time=time, keys=targets)
        why[f"tables.{name}"] = f"{seen[name].rows:,} rows"
        why |= {f"tables.{name}.keys.{column}": key.why for column, key in mine.items()}
    return tables, why


def _features(seen: Mapping[str, Seen], tables: Mapping[str, Table]) -> dict[str, Choice]:
    """Choose how every column is read."""
    pointed = {target for table in tables.values() for target in table.keys.values()}
    features: dict[str, Choice] = {}
    for name, table in tables.items():
        if table.of is not None:
            features[f"{name}.{table.id}"] = Choice(Id(), "one learned vector each")
            continue
        for column, profile in seen[name].profiles.items():
            if column not in table.keys:
                features[f"{name}.{column}"] = choose_in_table(profile, table, name in pointed)
    return features


def _drop_idle(
    seen: Mapping[str, Seen], tables: dict[str, Table], keys: list[Key], examples: set[str], left: dict[str, str]
) -> None:
    """Leave out tables that no task reads: neither reached along keys nor events of a history."""
    reached: set[str] = set()
    ahead = set(examples)
    while ahead:
        name = ahead.pop()
        reached.add(name)
        table = tables[name]
        ahead |= (set(table.keys.values()) | ({table.of.split(".")[0]} if table.of else set())) - reached
        ahead |= {key.table for key in keys if key.target in reached and _is_history(tables[key.table], key, keys)} - reached
    for name in [name for name in tables if name not in reached]:
        if name in seen:
            left[seen[name].source] = "no task reads it: no key leads to it, and no column of it looks like a label"
        del tables[name]


def _is_history(table: Table, key: Key, keys: list[Key]) -> bool:
    """Tell whether a table tells what a person did with things, and when."""
    others = [other for other in keys if other.table == key.table and not names_a_person(other.column)]
    return table.time is not None and names_a_person(key.column) and bool(others)


def _histories(seen: Mapping[str, Seen], tables: Mapping[str, Table], keys: list[Key]) -> dict[str, Choice]:
    """Suggest what a person did before as an input, where events have a time."""
    features: dict[str, Choice] = {}
    for events, table in tables.items():
        people = [key for key in keys if key.table == events and names_a_person(key.column)]
        things = [key for key in keys if key.table == events and not names_a_person(key.column)]
        if table.time is None or not people or not things or seen[events].profiles[people[0].column].repeats < 3:
            continue
        owner, thing = people[0], max(things, key=lambda key: seen[events].profiles[key.column].distinct)
        place = f"{owner.target}.recent" if f"{owner.target}.recent" not in features else f"{owner.target}.recent_{events}"
        each = seen[events].profiles[owner.column].repeats
        why = f"only what came before the example; {each:,.0f} each on average"
        features[place] = Choice(History(of=f"{events}.{thing.column}", last=50), why)
    return features
