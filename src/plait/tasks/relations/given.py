"""Tasks that are given others: the settings, and what cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from plait import schema
from plait.errors import nearest
from plait.tasks.relations.aitm import AITM
from plait.tasks.relations.dbmtl import DBMTL
from plait.tasks.relations.escm2 import ESCM2
from plait.tasks.relations.esmm import ESMM

__all__ = ["AnyRelation", "ChainedTask", "chain_problems"]

_TIED_CHILDREN: Final = frozenset({"binary", "amount"})
_TIED_PARENTS: Final = frozenset({"binary"})


AnyRelation = Annotated[
    Annotated[ESMM.Settings | ESCM2.Settings | AITM.Settings | DBMTL.Settings, Field(discriminator="kind")],
    BeforeValidator(schema.short_form),
]


class ChainedTask(schema.Task):
    """What kinds of task that can be given others have in common."""

    chain: AnyRelation | None = None
    """What the task takes from those it is given; `esmm` where not said."""

    @property
    def relation(self) -> ESMM.Settings | ESCM2.Settings | AITM.Settings | DBMTL.Settings:
        """The relation, `esmm` where not said."""
        return self.chain or ESMM.Settings()

    def untied(self) -> str | None:
        """Say why the task's chance cannot be tied to those of others; nothing where it can."""
        return None


def chain_problems(tasks: Mapping[str, schema.Task]) -> list[str]:
    """Say what cannot be in the dependencies between tasks, a sentence each."""
    problems = [problem for name in tasks for problem in _links(tasks, name)]
    return problems or [*_cycles(tasks), *(problem for name in tasks for problem in _kinds(tasks, name))]


def _links(tasks: Mapping[str, schema.Task], name: str) -> list[str]:
    """Check that what a task is given exists, once, on its own table."""
    task, problems = tasks[name], []
    for place, parent in enumerate(task.parents):
        found = tasks.get(parent)
        if found is None:
            problems.append(
                f"Task `{name}`: `given` should name a task. Found `{parent}`."
                f"{nearest(parent, [other for other in tasks if other != name])}"
            )
        elif parent in task.parents[:place]:
            problems.append(f"Task `{name}`: `given` should name each task once. Found `{parent}` twice.")
        elif found.table != task.table:
            problems.append(
                f"Task `{name}`: `given` should name a task on table `{task.table}`, because both are about one example. "
                f"Found `{parent}`, on table `{found.table}`. Bring the label of `{parent}` into table `{task.table}`, or "
                f"leave `given` out: the tasks share the body all the same."
            )
    if isinstance(task, ChainedTask) and task.chain is not None and not task.parents:
        problems.append(
            f"Task `{name}`: `chain: {task.chain.kind}` says how it depends on the tasks in `given`. Found none there. "
            "Name one, or leave `chain` out."
        )
    return problems


def _cycles(tasks: Mapping[str, schema.Task]) -> list[str]:
    """Name the first cycle in full."""
    done: set[str] = set()
    for start in tasks:
        trail: list[str] = []

        def walk(name: str, trail: list[str] = trail) -> list[str]:
            if name in trail:
                return [*trail[trail.index(name) :], name]
            if name in done:
                return []
            trail.append(name)
            for parent in tasks[name].parents:
                if found := walk(parent):
                    return found
            done.add(trail.pop())
            return []

        if cycle := walk(start):
            told = " given ".join(f"`{name}`" for name in cycle)
            return [
                f"Tasks that are given each other should form no circle, because no chance in it could be computed first. "
                f"Found {told}. Take one `given` out."
            ]
    return []


def _kinds(tasks: Mapping[str, schema.Task], name: str) -> list[str]:
    """Check that the relation of a task can serve its kind and those of its parents."""
    task = tasks[name]
    if not task.parents:
        return []
    if not isinstance(task, ChainedTask):
        return [
            f"Task `{name}`: a {task.kind} task should not be `given` others, because it must not see the right answer, and "
            f"they do. Found `given: {', '.join(task.parents)}`. Leave `given` out: the tasks share the body all the same."
        ]
    relation, problems = task.relation, []
    tied = relation.exact()
    children = relation.children & _TIED_CHILDREN if tied else relation.children
    parents = relation.parents & _TIED_PARENTS if tied else relation.parents
    said = f"`chain: {relation.kind}`" + (" with `order: exact`" if tied and not relation.children <= children else "")
    if task.kind not in children:
        problems.append(
            f"Task `{name}`: {said} should have a child of kind {_or(children)}, because {relation.reason}. "
            f"Found {task.kind}."
        )
    if tied and (reason := task.untied()) is not None:
        problems.append(
            f"Task `{name}`: {said} cannot be, because {reason}. Take another `loss`, or `chain: aitm` or `dbmtl`."
        )
    late = [p for p in task.parents if tasks[p].delay is not None and isinstance(relation, ESCM2.Settings)]
    problems += [
        f"Task `{name}`: {said} should have parents whose labels are known, because it weighs the rows where they happened. "
        f"Found `{parent}` with `delay`. Take `chain: esmm`."
        for parent in late
    ]
    for parent in task.parents:
        kind = tasks[parent].kind
        if kind not in parents:
            problems.append(
                f"Task `{name}`: {said} should have parents of kind {_or(parents)}, because only they have what it reads of "
                f"a parent. Found `{parent}` of kind {kind}."
            )
    return problems


def _or(kinds: frozenset[schema.TaskKind]) -> str:
    return " or ".join(sorted(kinds))
