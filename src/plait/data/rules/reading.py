"""Rules as read: which columns they name, where keys lead to them, what does not fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from plait.data.expressions import renamed
from plait.errors import RecipeError, nearest
from plait.schema import Place, Rule, Schema, Task

__all__ = ["Reading", "read_rule", "rule_columns", "rule_problems"]

_DEEPEST: Final = 4
_OF_CLASSES: Final = ("multiclass", "multilabel", "ordinal")
_KINDS: Final = ("binary", *_OF_CLASSES, "amount", "retrieval")


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """A rule as read.

    Attributes:
        who: the rule, for messages.
        table: the task's table.
        condition: SQL over the names in `own` and `candidate`.
        own: name -> where the column is, from the example.
        candidate: name -> where the column is, from a candidate of a retrieval task.
    """

    who: str
    table: str
    condition: str
    own: dict[str, Place]
    candidate: dict[str, Place]


def rule_problems(tasks: Mapping[str, Task], rules: Mapping[str, Rule]) -> list[str]:
    """Say what does not fit between rules and tasks, a sentence each."""
    problems = []
    for name, rule in rules.items():
        task = tasks.get(rule.task)
        if task is None:
            known = list(tasks)
            near = nearest(rule.task, known)
            problems.append(f"Rule `{name}`: `task` should be one of {known}. Found `{rule.task}`.{near}")
        elif task.kind not in _KINDS:
            problems.append(
                f"Rule `{name}`: a rule says when an outcome is forbidden, so its task should be of one of the kinds "
                f"{', '.join(_KINDS)}. Found `{rule.task}` of kind {task.kind}."
            )
        elif rule.table is not None and rule.table != task.table:
            problems.append(
                f"Rule `{name}`: `table` should be that of task `{rule.task}`, `{task.table}`. Found `{rule.table}`."
            )
        elif (task.kind in _OF_CLASSES) != bool(rule.named):
            wanted = "name the forbidden ones" if task.kind in _OF_CLASSES else "be left out"
            problems.append(
                f"Rule `{name}`: for a task of kind {task.kind}, `classes` should {wanted}. Found {rule.classes!r}."
            )
    return problems


def read_rule(schema: Schema, name: str) -> Reading:
    """Find the columns that a rule names.

    A column without a table is of the task's own; `users.age` is of the table that a key leads to, called as its role is:
    the table's name for the shortest way, `table:key.key` for others.

    Raises:
        RecipeError: if the rule cannot be read, names no column, or says nothing of a retrieval task's candidates.
    """
    rule = schema.rules[name]
    task = schema.tasks[rule.task]
    who = f"Rule `{name}`"
    known = _ways(schema, task.table)
    answer = task.label.strip().strip('"') if task.kind == "retrieval" else None
    own: dict[str, Place] = {}
    candidate: dict[str, Place] = {}

    def rename(table: str, column: str) -> str:
        role = next((role for role in known if role.lower() == table.lower()), None) if table else task.table
        if role is None:
            raise RecipeError(
                f"{who}: `{rule.rule}` names `{table}.{column}`, and no key of `{task.table}` leads to a table `{table}`. "
                f"Found {list(known)}.{nearest(table, list(known))}"
            )
        keys, target = known[role]
        called = f"{role}.{column}"
        if answer is not None and keys[:1] == (answer,):
            candidate[called] = Place(keys[1:], target, column)
        else:
            own[called] = Place(keys, target, column)
        return called

    condition = renamed(rule.rule, who, rename)
    if not own and not candidate:
        raise RecipeError(f"{who}: `{rule.rule}` should name a column. Found none.")
    if answer is not None and not candidate:
        target = schema.tables[task.table].keys[answer]
        raise RecipeError(
            f"{who}: a rule about the retrieval task `{rule.task}` says which candidates are forbidden, so it should name a "
            f"column of `{target}`. Found {list(own)}."
        )
    return Reading(who, task.table, condition, own, candidate)


def rule_columns(schema: Schema, table: str) -> set[str]:
    """List the columns of a table that rules reach along keys."""
    readings = [read_rule(schema, name) for name in schema.rules]
    return {
        place.column
        for read in readings
        for place in (*read.own.values(), *read.candidate.values())
        if place.table == table and (place.keys or place in read.candidate.values())
    }


def _ways(schema: Schema, start: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """Follow keys breadth first; the first way to a table takes its name, as with roles."""
    found: dict[str, tuple[tuple[str, ...], str]] = {}
    queue: deque[tuple[str, tuple[str, ...], frozenset[tuple[str, str]]]] = deque([(start, (), frozenset())])
    named: set[str] = set()
    while queue:
        table, path, used = queue.popleft()
        found[table if table not in named else f"{table}:{'.'.join(path)}"] = (path, table)
        named.add(table)
        for key, target in schema.tables[table].keys.items():
            if (table, key) not in used and len(path) < _DEEPEST:
                queue.append((target, (*path, key), used | {(table, key)}))
    return found
