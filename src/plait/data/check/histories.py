"""Checks of histories: can their conditions be evaluated, do they read what is known only later."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.labels import holds
from plait.data.moments import MISSING, moments
from plait.errors import PlaitError
from plait.schema import Delay, History

__all__ = ["check_histories"]

Bools = npt.NDArray[np.bool_]


def check_histories(context: Context) -> Iterator[Finding]:
    """Evaluate the condition of every history, and look for late labels among what it reads."""
    for place, feature in context.features.items():
        if not isinstance(feature, History) or feature.where is None:
            continue
        events = feature.of.partition(".")[0]
        if events not in context.tables:
            continue
        who = f"`where` of history `{place}`"
        try:
            counts = holds(who, events, feature.where, context.engine.evaluate(events, {who: feature.where}).column(0))
            yield _judge(context, place, events, feature.where, counts)
        except PlaitError as error:
            yield Finding("FAIL", "history", events, place, str(error))


def _judge(context: Context, place: str, events: str, where: str, counts: Bools) -> Finding:
    if not counts.any():
        text = f"no row of `{events}` is `{where}`, so this history is always empty. Correct the condition."
        return Finding("WARN", "history", events, place, text)
    read = context.engine.mentioned(events, where, f"`where` of history `{place}`")
    for name, task in context.schema.tasks.items():
        if task.table != events or task.delay is None:
            continue
        late = context.engine.mentioned(events, task.label, f"label of task `{name}`")
        late += context.engine.mentioned(events, task.delay.at, f"`delay.at` of task `{name}`")
        if shared := [column for column in read if column in late]:
            return _late(context, place, name, task.delay, shared[0], counts)
    return Finding("PASS", "history", events, place, f"{int(counts.sum()):,} of {len(counts):,} rows are `{where}`")


def _late(context: Context, place: str, name: str, delay: Delay, column: str, counts: Bools) -> Finding:
    """Say that a condition reads what a late label is made of: a row from before the example may be decided after it."""
    events = context.schema.tasks[name].table
    who = f"`delay.at` of task `{name}`"
    arrived = moments(context.engine.evaluate(events, {who: delay.at}).column(0), who)
    time = context.schema.tables[events].time
    times = arrived if time is None else moments(context.column(events, time), f"{events}.{time}")
    later = counts & (times != MISSING) & (arrived != MISSING) & (arrived > times)
    text = (
        f"`where` reads `{column}`, which the label of task `{name}` is made of and which may be decided up to "
        f"{delay.window} after its row: an example would see what was not known yet. That is so in {int(later.sum()):,} of "
        f"{int(counts.sum()):,} rows that count. Leave the condition out, or let the history read a table that has a row "
        f"and a time for each time it became so."
    )
    rows = context.examples(events, f"row = {np.flatnonzero(later)[0] + 1}", column) if later.any() else []
    return Finding("WARN", "leak", events, place, text, rows)
