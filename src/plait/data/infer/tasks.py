"""Which tasks a folder of tables suggests, the surest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from plait.data.infer.guess import Likely, Seen
from plait.data.infer.keys import Key, names_a_person
from plait.data.infer.kinds import Choice
from plait.data.infer.labels import likely_labels
from plait.schema import Category, Ignore, Text

__all__ = ["MOST_TASKS", "likely_tasks"]

MOST_TASKS = 5
"""More than these are named in comments only."""

_TRAINED = 5
_COMMENT = 8


def likely_tasks(
    tables: Mapping[str, Seen], keys: list[Key], features: Mapping[str, Choice]
) -> tuple[tuple[Likely, ...], tuple[Likely, ...]]:
    """Find the tasks of a recipe.

    Args:
        tables: the tables that were read.
        keys: their keys.
        features: how their columns are read.

    Returns:
        The tasks to train, at most five, and others that are possible.
    """
    found: list[Likely] = []
    for table in tables.values():
        mine = [key for key in keys if key.table == table.name]
        columns = _doubtful(_from_columns(table, features, {key.column for key in mine}))
        grouped = _with_groups(columns, mine, tables)
        found += grouped + _next(table, mine, grouped, max(seen.rows for seen in tables.values()))
    if all(task.rank > _TRAINED for task in found):
        start = min(found, key=lambda task: task.rank, default=None)
        starts = [start] if start else [task for table in tables.values() if (task := _fallback(table, features))]
        why = "no column is named like a label, so this is only a start"
        found = [task for task in found if task is not start]
        found += [replace(task, rank=_TRAINED, why=f"{task.why}; {why}") for task in starts]
    found = sorted(found, key=lambda task: task.rank)
    sure = [task for task in found if task.rank <= _TRAINED][:MOST_TASKS]
    trained = _distinct_names(sure, set())
    others = _distinct_names([task for task in found if task not in sure], {task.name for task in trained})
    return tuple(trained), tuple(others)


def _from_columns(table: Seen, features: Mapping[str, Choice], keys: set[str]) -> list[Likely]:
    """Collect what single columns suggest."""
    texts = tuple(
        f"{table.name}.{name}" for name in table.profiles if isinstance(_choice(features, table.name, name).feature, Text)
    )
    names = list(table.profiles)
    found: list[Likely] = []
    for name, seen in table.profiles.items():
        choice = _choice(features, table.name, name)
        if name not in keys and not (isinstance(choice.feature, Ignore) and seen.distinct > 2):
            found += likely_labels(seen, choice, texts, last=name == names[-1] and not keys)
    return found


def _choice(features: Mapping[str, Choice], table: str, column: str) -> Choice:
    """Return how a column is read; a key column is read through its key."""
    return features.get(f"{table}.{column}", Choice(Ignore(), "a key"))


def _doubtful(tasks: list[Likely]) -> list[Likely]:
    """Move to the comments what says the same as another task, and traits of a person beside a sure label."""
    named = [task for task in tasks if task.rank == 1 and task.name != "like"]
    result = []
    for task in tasks:
        trait = task.kind == "multiclass" and task.rank == 3 and task.inputs is None and named
        others = [other for other in tasks if other is not task and other.kind == "binary"]
        twin = task.name == "like" and any(other.rank <= 2 for other in others)
        result.append(replace(task, rank=_COMMENT) if trait or twin else task)
    return result


def _with_groups(tasks: list[Likely], keys: list[Key], tables: Mapping[str, Seen]) -> list[Likely]:
    """Add whose rows belong together: graded pairs of a query are ranked within it, and AUC is also taken per user."""
    query = next((key for key in keys if "query" in key.column.lower() or "search" in key.column.lower()), None)
    person = next((key for key in keys if names_a_person(key.column)), None)
    targets = [key.target for key in keys]
    pair = any(targets.count(target) > 1 for target in targets)
    result = []
    for task in tasks:
        if pair and task.kind == "binary":
            task = replace(task, kind="relatedness", why=f"{task.why}; two keys to one table")
        elif query is not None and task.kind == "regression" and task.name == "stars":
            why = f"{task.why}, in lists of one query"
            task = replace(task, name="rank", rank=1, kind="ranking", group=query.column, why=why)
        elif query is not None and task.name == "like":
            task = replace(task, name="relevant", rank=2)
        elif task.kind == "binary" and person is not None and _rows_each(person, tables) >= 3:
            task = replace(task, group=person.column)
        result.append(task)
    return result


def _rows_each(key: Key, tables: Mapping[str, Seen]) -> float:
    """Count the rows of one key value on average."""
    return tables[key.table].profiles[key.column].repeats


def _next(table: Seen, keys: list[Key], tasks: list[Likely], most_rows: int) -> list[Likely]:
    """Suggest the next item where a table says who did something with what."""
    people = [key for key in keys if names_a_person(key.column)]
    things = [key for key in keys if not names_a_person(key.column) and key.target not in {p.target for p in people}]
    if not people or not things or any(task.kind == "ranking" for task in tasks):
        return []
    thing = max(things, key=lambda key: table.profiles[key.column].distinct)
    seen = table.profiles[thing.column]
    if seen.distinct < 20 or seen.repeats < 1.5:
        return []
    liked = next((task for task in tasks if task.name == "like"), None)
    why = f"{seen.distinct:,} candidates"
    where = liked.label if liked else None
    rank = 2 if 10 * table.rows > most_rows else _COMMENT
    # What stands in the event itself, such as the words of a review, tells which item it was about.
    inputs = tuple(dict.fromkeys(key.target for key in people))
    return [Likely("next", "retrieval", table.name, thing.column, (), why, where=where, inputs=inputs, rank=rank)]


def _fallback(table: Seen, features: Mapping[str, Choice]) -> Likely | None:
    """Where no name says what to predict: the smallest category, else nothing."""
    small = [
        seen
        for seen in table.profiles.values()
        if isinstance(feature := _choice(features, table.name, seen.name).feature, Category)
        and feature.separator is None
        and seen.shape != "list"
        and 2 <= seen.distinct <= 30
        and seen.repeats >= 5
    ]
    if not small:
        return None
    seen = min(small, key=lambda seen: seen.distinct)
    tasks = likely_labels(seen, _choice(features, table.name, seen.name), (), last=True)
    return tasks[0] if tasks else None


def _distinct_names(tasks: list[Likely], taken: set[str]) -> list[Likely]:
    """Give each task a name of its own: the table is added where the name alone is not enough."""
    wanted = [task.name for task in tasks]
    named: list[Likely] = []
    for task in tasks:
        name = task.name if wanted.count(task.name) == 1 and task.name not in taken else f"{task.name}_{task.table}"
        while name in taken:
            name += "_"
        taken = {*taken, name}
        named.append(replace(task, name=name))
    return named
