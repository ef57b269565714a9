"""Guesses what tables never seen before hold: ids, keys, times, kinds of columns, likely tasks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from plait.data.engine import Engine
from plait.data.infer_features import choose_in_table, infer_features
from plait.data.infer_files import find_files, waiting_parts
from plait.data.infer_guess import Guess, Seen
from plait.data.infer_keys import Key, find_id, find_keys, made_tables, names_a_person
from plait.data.infer_kinds import Choice
from plait.data.infer_read import look
from plait.data.infer_tasks import likely_tasks
from plait.data.infer_times import find_split, find_time
from plait.errors import CorruptError, DataError
from plait.schema import History, Id, Ignore, Table

__all__ = ["Guess", "infer", "infer_features"]

Tell = Callable[[str, int, int], None]


def infer(folder: Path, tell: Tell | None = None) -> Guess:
    """Read all tables of a folder and guess what they hold.

    Args:
        folder: a folder of Parquet, CSV, TSV or JSON-lines files, or one such file.
        tell: is told what is read, how many tables are done and how many there are.

    Raises:
        DataError: there is nothing to read, or no file can be read.
    """
    sources = find_files(folder)
    seen, left = _read(folder if folder.is_dir() else folder.parent, sources, tell)
    for part, whole in waiting_parts({name: list(table.profiles) for name, table in seen.items()}).items():
        left[seen.pop(part).source] = f"looks like a later part of `{whole}`; after training: plait evaluate RUN --table {sources[part]}"
    ids = {name: column for name, table in seen.items() if (column := find_id(table))}
    keys = find_keys(seen, ids)
    made, more = made_tables(seen, ids, keys)
    keys = sorted([*keys, *more], key=lambda key: not names_a_person(key.column))
    tables, why = _tables(seen, ids, keys)
    tables |= made
    why |= {f"tables.{name}": f"no file; the {_things(more, name, seen):,} different values of `{table.of}`" for name, table in made.items()}
    features = _features(seen, tables)
    _drop_idle(seen, tables, features, left)
    keys = [key for key in keys if key.table in tables and key.target in tables]
    features |= _histories(seen, tables, keys)
    tasks, possible = likely_tasks({name: seen[name] for name in tables if name in seen}, keys, features)
    split, reason = find_split(seen, tables, tasks)
    why["split"] = reason
    name = re.sub(r"\W+", "_", folder.resolve().stem if folder.is_file() else folder.resolve().name).strip("_") or "tables"
    return Guess(name, tables, features, tasks, possible, split, why, left)


def _read(base: Path, sources: Mapping[str, str], tell: Tell | None) -> tuple[dict[str, Seen], dict[str, str]]:
    """Look at every file; those that cannot be read are named with the reason."""
    seen: dict[str, Seen] = {}
    left: dict[str, str] = {}
    with Engine(base) as engine:
        for number, (name, source) in enumerate(sources.items()):
            if tell is not None:
                tell(f"reading {source}", number, len(sources))
            try:
                engine.open(name, Table(source=source))
                table = look(engine, name, source)
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
        tables[name] = Table(source=seen[name].source, id=ids.get(name), time=time, keys={c: k.target for c, k in mine.items()})
        why[f"tables.{name}"] = f"{seen[name].rows:,} rows"
        why |= {f"tables.{name}.keys.{column}": key.why for column, key in mine.items()}
    return tables, why


def _things(keys: list[Key], table: str, seen: Mapping[str, Seen]) -> int:
    """Count the rows of a made table."""
    return max(seen[key.table].profiles[key.column].distinct for key in keys if key.target == table)


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


def _drop_idle(seen: Mapping[str, Seen], tables: dict[str, Table], features: dict[str, Choice], left: dict[str, str]) -> None:
    """Leave out tables from which nothing can be learned: no column that is read, nobody points at them, fewer than two keys."""
    for name in list(tables):
        table = tables[name]
        read = any(not isinstance(choice.feature, Ignore) for place, choice in features.items() if place.startswith(f"{name}."))
        pointed = any(name in other.keys.values() for other in tables.values())
        if table.source and not read and not pointed and len(table.keys) < 2 and len(tables) > 1:
            left[seen[name].source] = "nothing in it can be learned from: every column is an id, constant or empty"
            del tables[name]
            for place in [place for place in features if place.startswith(f"{name}.")]:
                del features[place]


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
        features[place] = Choice(
            History(of=f"{events}.{thing.column}", last=50), f"only what came before the example; {each:,.0f} each on average"
        )
    return features


