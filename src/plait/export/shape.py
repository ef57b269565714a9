"""Who is recommended what: users, items and the tables between them, read off a layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from plait.layout import Layout

__all__ = ["Pairing", "Shape", "shape_of"]

_NOT_OF_A_ROW = ("retrieval", "relatedness", "masked")
_RANKING_FIRST = ("binary", "ranking", "regression", "ordinal", "amount")


@final
@dataclass(frozen=True, slots=True)
class Pairing:
    """A table whose rows put a user and an item together.

    Attributes:
        table: the table of the pairs.
        user_key: its key to the users.
        item_key: its key to the items.
        items: the table of the items.
        retrieval: the task that finds items, if there is one.
        tasks: the tasks predicted for a pair, in the order of the recipe.
        ranks: the task of `tasks` that puts pairs in order where nothing is retrieved.
    """

    table: str
    user_key: str
    item_key: str
    items: str
    retrieval: str | None
    tasks: list[str]
    ranks: str | None


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """What a run can show.

    Attributes:
        users: the table of the users, if there is one.
        items: the table of the items, if there is one.
        history: the history feature of the users over these items, if there is one.
        pairings: main one first.
        about: table with a key to the users and no other -> that key; its tasks are predictions about a user.
        tables: tables with pointwise tasks, in the order of the recipe.
    """

    users: str | None
    items: str | None
    history: str | None
    pairings: list[Pairing]
    about: dict[str, str]
    tables: list[str]


def shape_of(layout: Layout) -> Shape:
    """Find users and items.

    The main pairing is the table of the first retrieval task, else the first table with a task and keys to two tables;
    tables of facts come last, since what is known of items is no way to users. Of its keys the user's is the one whose
    table has a history, else the first that does not lead to the items.
    """
    tables = list(dict.fromkeys(task.table for task in layout.tasks.values() if task.kind not in _NOT_OF_A_ROW))
    main = _main(layout)
    if main is None:
        found = [task.target for task in layout.tasks.values() if task.target is not None]
        return Shape(None, found[0] if found else None, None, [], {}, tables)
    users = layout.tables[main.table].targets[main.user_key]
    others: list[Pairing] = []
    about: dict[str, str] = {}
    for table in dict.fromkeys(task.table for task in layout.tasks.values()):
        targets = layout.tables[table].targets
        user_key = next((key for key, target in targets.items() if target == users), None)
        if table == main.table or user_key is None:
            continue
        if len(targets) == 1:
            about[table] = user_key
        else:
            others.append(_pairing(layout, table, user_key, next(key for key in targets if key != user_key)))
    return Shape(users, main.items, _history(layout, users, main.items), [main, *others], about, tables)


def _main(layout: Layout) -> Pairing | None:
    retrieving = [task for task in layout.tasks.values() if task.kind == "retrieval"]
    facts = {feature.facts for table in layout.tables.values() for feature in table.features}
    tables = dict.fromkeys(task.table for task in [*retrieving, *layout.tasks.values()])
    for table in sorted(tables, key=lambda name: name in facts):
        targets = layout.tables[table].targets
        if len(set(targets.values())) < 2:
            continue
        roles = [task.target_role for task in retrieving if task.table == table]
        owners = {name.split(".")[0] for name in layout.histories}
        item_key = layout.paths[table][roles[0]][0] if roles and roles[0] is not None else None
        left = [key for key in targets if key != item_key]
        user_key = next((key for key in left if targets[key] in owners), left[0])
        if item_key is None:
            item_key = next(key for key in targets if targets[key] != targets[user_key])
        return _pairing(layout, table, user_key, item_key)
    return None


def _pairing(layout: Layout, table: str, user_key: str, item_key: str) -> Pairing:
    tasks = {name: task for name, task in layout.tasks.items() if task.table == table}
    retrieval = next(
        (
            name
            for name, task in tasks.items()
            if task.kind == "retrieval"
            and task.target_role is not None
            and layout.paths[table][task.target_role] == [item_key]
        ),
        None,
    )
    pointwise = [name for name, task in tasks.items() if task.kind not in (*_NOT_OF_A_ROW, "tagging")]
    ranks = next((name for name in pointwise if tasks[name].kind in _RANKING_FIRST), None)
    return Pairing(table, user_key, item_key, layout.tables[table].targets[item_key], retrieval, pointwise, ranks)


def _history(layout: Layout, users: str, items: str) -> str | None:
    """Return the users' history of these items."""
    of_items = [role.history for role in layout.roles if role.history is not None and role.table == items]
    return next((name for name in of_items if name is not None and name.split(".")[0] == users), None)
