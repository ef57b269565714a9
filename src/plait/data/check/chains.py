"""Checks of tasks that are given others: do the labels keep the order that the chain will keep."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.values import numbers
from plait.schema import Task

__all__ = ["check_chains"]


def check_chains(context: Context) -> Iterator[Finding]:
    """Compare the labels of every task with those of the tasks it is given."""
    for name, task in context.schema.tasks.items():
        for parent in task.parents:
            if name in context.labels and parent in context.labels and context.schema.tasks[parent].kind == "binary":
                yield _judge(context, name, task, parent)


def _judge(context: Context, name: str, task: Task, parent: str) -> Finding:
    child, before = context.labels[name], context.labels[parent]
    given, mine = numbers(before.values), numbers(child.values)
    if given is None or mine is None:
        return Finding("PASS", "given", task.table, name, f"given `{parent}`; no order to compare")
    both = child.known & before.known
    none = both & (given == 0)
    wrong = none & (mine > 0)
    counted = task.kind in ("binary", "amount")
    if counted and wrong.any():
        text = (
            f"should be 0 where `{parent}` is 0, since it is given `{parent}`. Found {int(wrong.sum()):,} rows that are "
            f"not, first row {int(np.flatnonzero(wrong)[0]) + 1}: there a tied chance can only be wrong."
        )
        return Finding("WARN", "given", task.table, name, text)
    if counted and both.any() and not none.any():
        text = (
            f"is observed only where `{parent}` is 1. A tied chance is learned on all rows: write the label so that it is "
            f"0, not NULL, where `{parent}` is 0, and leave out `where`; or take `chain: dbmtl`."
        )
        return Finding("WARN", "given", task.table, name, text)
    return Finding("PASS", "given", task.table, name, f"given `{parent}`; {int(both.sum()):,} rows have both labels")
