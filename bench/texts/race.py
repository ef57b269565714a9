"""The contestants of one part of the bench: each trained or taken from what was kept, and all set side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.texts.compare import compare
from bench.texts.kept import Result, kept
from bench.texts.plan import Plan
from plait.schema import TaskKind

__all__ = ["Tasks", "race"]

Tasks = Mapping[str, tuple[TaskKind, str, float | None]]
"""Task -> kind, figure, and what it should reach."""


def race(
    name: str, makes: Mapping[str, tuple[object, Callable[[], Result]]], tasks: Tasks, plan: Plan, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Let the contestants train and answer, and compare them task by task.

    Args:
        name: of the part.
        makes: contestant -> all that changes its result, and what trains it; those that the plan leaves out are not run.
        tasks: the tasks, each with an outcome in every result.
        plan: what is run.
        facts: what the page says of the rows.
    """
    results = {}
    for who in plan.contestants:
        if who in makes:
            settings, make = makes[who]
            results[who] = kept(plan.cache, f"{name} {who}", settings, make)
            print(f"  {who}: {results[who].cost:.0f} s of processor", flush=True)
    found: dict[str, Any] = {
        **facts,
        "cost": {who: result.cost for who, result in results.items()},
        "notes": {who: result.notes for who, result in results.items()},
        "changes": list(plan.changes),
        "tasks": {},
    }
    for task, (kind, metric, target) in tasks.items():
        there = {who: result.outcomes[task] for who, result in results.items() if task in result.outcomes}
        side = compare(kind, metric, there)
        found["tasks"][task] = side | {"target": target}
        print(f"  {task}, {metric}: " + ", ".join(f"{who} {_words_of(one)}" for who, one in side["figures"].items()))
        print(
            "    plait more: " + ", ".join(f"{who} {_words_of(one)}" for who, one in side["differences"].items()), flush=True
        )
    return found


def _words_of(one: Mapping[str, float]) -> str:
    return f"{one['value']:.4f} ({one['low']:.4f} to {one['high']:.4f})"
