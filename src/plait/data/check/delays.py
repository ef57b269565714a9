"""Checks of labels that may still become 1: how many of them are settled, and how long they take."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from plait.data.check.context import Context, Observed
from plait.data.check.finding import Finding
from plait.data.delay import Settled, settle
from plait.data.labels import label_numbers
from plait.data.moments import moments
from plait.errors import PlaitError
from plait.schema import Delay, Task

__all__ = ["check_delays"]

_OPEN = 0.5
_UNITS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000))


def check_delays(context: Context) -> Iterator[Finding]:
    """Settle every label that has a delay, as preparation will."""
    for name, found in context.labels.items():
        task = context.schema.tasks[name]
        if task.delay is None or task.table not in context.parts:
            continue
        try:
            yield _judge(context, name, task, task.delay, found)
        except PlaitError as error:
            yield Finding("FAIL", "delay", task.table, name, str(error))


def _judge(context: Context, name: str, task: Task, delay: Delay, found: Observed) -> Finding:
    time = context.schema.tables[task.table].time
    if time is None:
        return Finding("FAIL", "delay", task.table, name, "needs the `time` of its table, to count a label's age from.")
    who, part = f"`delay.at` of task `{name}`", context.parts[task.table]
    arrived = moments(context.engine.evaluate(task.table, {who: delay.at}).column(0), who)
    times = moments(context.column(task.table, time), f"{task.table}.{time}")
    label = label_numbers(name, task, found.values, found.known)
    settled = settle(f"task `{name}`", delay, label, found.known, times, arrived, part)
    train = found.known & (part == 1)
    open_ = float(1 - settled.settled.sum() / max(int(train.sum()), 1))
    text = f"labels of the training part are known up to {_moment(settled.cut)}; {open_:.1%} of its rows are younger than "
    text += f"{delay.window} then and {_treated(delay, train, settled)}"
    if len(settled.delays):
        text += f"; half of what became 1 did so within {_span(float(np.median(settled.delays)))}"
    known = settled.observed & (part == 3)
    if not known.any():
        text += f". No row of the test part is older than {delay.window} when the data end: nothing can be measured."
        return Finding("WARN", "delay", task.table, name, text + " Make `window` shorter, or `split.test` larger.")
    return Finding("WARN" if open_ > _OPEN else "PASS", "delay", task.table, name, text)


def _treated(delay: Delay, train: np.ndarray, settled: Settled) -> str:
    if delay.correction == "wait":
        return "left out"
    out = int((train & ~settled.observed).sum())
    return "weighted" + (f", {out:,} too young even for that are left out" if out else "")


def _moment(micros: int) -> str:
    return str(np.datetime64(micros, "us").astype("datetime64[s]")).replace("T", " ")


def _span(micros: float) -> str:
    unit, size = next(((u, s) for u, s in _UNITS if micros >= s), _UNITS[-1])
    return f"{micros / size:.3g} {unit}s"
