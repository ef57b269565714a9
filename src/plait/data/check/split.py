"""Checks of the split: rows of each task in each part, and values of the test part that training never sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.parts import assign
from plait.data.relations import relate
from plait.data.values import flat, numbers, texts
from plait.errors import PlaitError
from plait.schema import Category, Id, Task

__all__ = ["check_split", "check_unseen"]

_FEW = 50
_OFTEN = 0.05
_ROWS = 200_000

Parts = npt.NDArray[np.uint8]


def check_split(context: Context) -> Iterator[Finding]:
    """Split the rows as preparation does and count each task's labels; fills `context.parts`."""
    if set(context.tables) != set(context.schema.tables):
        return
    try:
        relations = relate(context.engine, context.schema)
    except PlaitError:
        return  # told by the checks of ids, keys and times
    try:
        parts = assign(context.engine, context.schema, relations)
    except PlaitError as error:
        tables = [task.table for task in context.schema.tasks.values()]
        yield Finding("FAIL", "split", tables[0] if tables else "", context.schema.split.column or "", str(error))
        return
    examples = dict.fromkeys(context.schema.tasks[name].table for name in context.labels)
    context.parts = {table: parts[table] for table in examples}
    for name, found in context.labels.items():
        task = context.schema.tasks[name]
        if task.table in context.parts:
            yield _sizes(name, task, context.parts[task.table], found.known, found.values)


def _sizes(name: str, task: Task, part: Parts, known: npt.NDArray[np.bool_], values: pa.Array) -> Finding:
    """Judge how many labels of a task each part holds."""
    train, valid, test = (int((known & (part == number)).sum()) for number in (1, 2, 3))
    text = f"{train:,} labels train, {valid:,} validate, {test:,} test"
    if not train:
        where = "the test part" if test and not valid else "the other parts"
        text = f"{text}: all fall in {where}, so nothing can be learned. Choose another `split`, such as `by: random`."
        return Finding("FAIL", "split", task.table, name, text)
    if not test or not valid:
        missing = "test" if not test else "validation"
        text = f"{text}: the {missing} part has none, so the task cannot be {'measured' if not test else 'stopped in time'}."
        return Finding("WARN", "split", task.table, name, text)
    if task.kind in ("binary", "relatedness"):
        rates = [_rate(values, known & (part == number)) for number in (1, 2, 3)]
        text = f"{text}; positive {rates[0]:.1%}, {rates[1]:.1%}, {rates[2]:.1%}"
        for number, (rate, what) in enumerate(zip(rates, ("training", "validation", "test"), strict=True)):
            if rate in (0.0, 1.0):
                text = f"{text}: the {what} part holds only {rate:.0f}. Choose another `split` or larger shares."
                return Finding("WARN" if number else "FAIL", "split", task.table, name, text)
        if not 0.5 < rates[2] / rates[0] < 2:
            text = f"{text}: the test part is unlike the training part; probabilities will be off there."
            return Finding("WARN", "split", task.table, name, text)
    if min(valid, test) < _FEW:
        return Finding("WARN", "split", task.table, name, f"{text}: too few to measure with; intervals will be wide.")
    return Finding("PASS", "split", task.table, name, text)


def _rate(values: pa.Array, rows: npt.NDArray[np.bool_]) -> float:
    """Compute the share of ones among labels of 0 and 1."""
    found = numbers(values.filter(pa.array(rows)))
    assert found is not None
    return float(found.mean())


def check_unseen(context: Context) -> Iterator[Finding]:
    """Count values of ids and categories that stand in the test part and in no training row."""
    for table, part in context.parts.items():
        found = []
        for column, feature in _coded(context, table):
            values = flat(context.column(table, column))
            if pa.types.is_nested(values.type) or (isinstance(feature, Category) and feature.separator is not None):
                continue
            found.append(_unseen(table, column, values, part, feature is None))
        yield from [finding for finding in found if finding.status != "PASS"]
        few = sum(finding.status == "PASS" for finding in found)
        if few:
            yield Finding("PASS", "unseen", table, "", f"{few} columns whose test values almost all stand in training rows")


def _coded(context: Context, table: str) -> list[tuple[str, Id | Category | None]]:
    """List ids, categories and keys of a table of examples."""
    keys: list[tuple[str, Id | Category | None]] = [
        (key, None) for key in context.schema.tables[table].keys if key in context.columns(table)
    ]
    own = context.features_of(table).items()
    id_column = context.schema.tables[table].id
    return keys + [(c, f) for c, f in own if isinstance(f, Id | Category) and c != id_column]


def _unseen(table: str, column: str, values: pa.Array, part: Parts, key: bool) -> Finding:
    """Judge one column; of a row behind a key, other columns may still tell something."""
    test = texts(values.filter(pa.array(part == 3)).slice(0, _ROWS)).drop_null()
    if not len(test):
        return Finding("PASS", "unseen", table, column, "no test row holds a value")
    seen = texts(values.filter(pa.array(part == 1)).unique())
    new = test.filter(pc.invert(pc.is_in(test, value_set=seen)))
    share = len(new) / len(test)
    shown = ", ".join(str(value) for value in new.unique().slice(0, 3).to_pylist())
    text = f"{len(new):,} of {len(test):,} test rows ({share:.1%}) hold a value that no training row has"
    if share > _OFTEN:
        what = (
            "only other columns of these rows, and histories, tell of them" if key else "all are read as one unknown value"
        )
        return Finding("WARN", "unseen", table, column, f"{text}, such as {shown}; {what}.")
    return Finding("PASS", "unseen", table, column, text)
