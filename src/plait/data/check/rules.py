"""Checks of rules: can they be read and evaluated, whom they are about, how many labels break them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.labels import encode_label, fit_label
from plait.data.relations import Relations, relate
from plait.data.rules.judge import Rules, rules_of
from plait.errors import PlaitError
from plait.layout import TaskLayout
from plait.schema import Rule

__all__ = ["check_rules"]

Bools = npt.NDArray[np.bool_]


def check_rules(context: Context) -> Iterator[Finding]:
    """Evaluate every rule on all rows of its task."""
    rules = context.schema.rules
    if not rules or set(context.tables) != set(context.schema.tables):
        return
    try:
        relations = relate(context.engine, context.schema)
    except PlaitError:
        return  # told by the checks of ids, keys and times
    for name, rule in rules.items():
        if rule.task in context.labels:
            yield _one(context, relations, name, rule)


def _one(context: Context, relations: Relations, name: str, rule: Rule) -> Finding:
    task, label = context.schema.tasks[rule.task], context.labels[rule.task]
    schema = context.schema.model_copy(update={"rules": {name: rule}})
    try:
        layout = fit_label(rule.task, task, label.values, label.known, np.ones(len(label.known), dtype=np.bool_))
        if task.kind == "retrieval":
            target = context.schema.tables[task.table].keys[task.label.strip().strip('"')]
            layout = layout.model_copy(update={"target": target})
        found = rules_of(context.engine, schema, relations, {rule.task: layout})
    except PlaitError as error:
        return Finding("FAIL", "rule", task.table, name, str(error))
    known = label.known
    if layout.target is not None:
        known = known & (relations.keys[task.table][task.label.strip().strip('"')] > 0)
    about, against = _counts(context, relations, layout, name, found, known)
    what = "some candidate" if layout.target is not None else "the outcome"
    text = f"`{rule.rule}` forbids {what} to {about:,} of {int(known.sum()):,} labelled rows; {against:,} labels break it"
    if not about:
        return Finding("WARN", "rule", task.table, name, f"{text}. It never applies: correct it, or leave it out.")
    if against:
        text = f"{text}. They are learned from as they are, and no prediction will say so."
        return Finding("WARN", "rule", task.table, name, text)
    return Finding("PASS", "rule", task.table, name, text)


def _counts(
    context: Context, relations: Relations, task: TaskLayout, name: str, found: Rules, known: Bools
) -> tuple[int, int]:
    """Count the labelled rows to which something is forbidden, and those whose label is just that."""
    ruled, asked = found.ruled[name], context.schema.tasks[task.name]
    kinds, table = ruled.kinds.numpy()[1:], ruled.forbidden.numpy()
    touched: Bools = np.asarray(table.any(axis=1))
    about = known & touched[kinds]
    if task.target is not None:
        answers = relations.keys[asked.table][asked.label.strip().strip('"')]
        return int(about.sum()), int((known & table[kinds, found.kinds[name].numpy()[answers]]).sum())
    label, _ = encode_label(task, asked, context.labels[task.name].values, known)
    classes = found.layouts[name].classes
    said = np.isin(label, classes).any(axis=1) if classes else np.nan_to_num(label[:, 0]) > 0
    return int(about.sum()), int((about & said).sum())
