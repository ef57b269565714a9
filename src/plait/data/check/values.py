"""Checks of columns: infinite and missing numbers, columns that say nothing, empty texts, moments that cannot be."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.moments import MISSING, moments
from plait.data.values import flat, numbers
from plait.errors import PlaitError
from plait.schema import Ignore, Number, Text

__all__ = ["check_constants", "check_numbers", "check_texts", "check_times"]

_OFTEN = 0.5
_DAY = 86_400_000_000
_YEAR_1900 = -2_208_988_800_000_000


def check_numbers(context: Context) -> Iterator[Finding]:
    """Check numbers for infinities and for values that are mostly missing."""
    for name in context.tables:
        fine = 0
        for column, feature in context.features_of(name).items():
            if not isinstance(feature, Number):
                continue
            values = context.column(name, column)
            found = None if pa.types.is_nested(values.type) else numbers(flat(values))
            if found is None:
                continue
            infinite, missing = int(np.isinf(found).sum()), int(np.isnan(found).sum())
            quoted = context.quote(column)
            if infinite:
                text = f"{infinite:,} of {len(found):,} rows are infinite; they are read as missing."
                rows = context.examples(name, f"isinf(try_cast({quoted} AS DOUBLE))", column)
                yield Finding("WARN", "numbers", name, column, text, rows)
            elif missing > _OFTEN * len(found):
                text = f"{missing:,} of {len(found):,} rows ({missing / len(found):.0%}) have no number."
                yield Finding("WARN", "numbers", name, column, text)
            else:
                fine += 1
        if fine:
            yield Finding("PASS", "numbers", name, "", f"{fine} columns of numbers, finite")


def check_constants(context: Context) -> Iterator[Finding]:
    """Check for columns that hold one value, or nothing."""
    for name in context.read_tables():
        if context.engine.count(name) < 2:
            continue
        found = 0
        for column, feature in context.features_of(name).items():
            values = context.column(name, column)
            if isinstance(feature, Ignore) or pa.types.is_nested(values.type):
                continue
            if values.null_count == len(values):
                text = "is empty in every row and says nothing; write `ignore`."
            elif _constant(values) and values.null_count == 0:
                text = f"holds {values[0].as_py()!r:.60} in every row and says nothing; write `ignore`."
            else:
                continue
            found += 1
            yield Finding("WARN", "constant", name, column, text)
        if not found:
            yield Finding("PASS", "constant", name, "", "no column is empty or the same in every row")


def _constant(values: pa.ChunkedArray) -> bool:
    """Tell whether a column holds one value; looks at the start first."""
    start = values.slice(0, 1000)
    return len(pc.unique(start)) == 1 and len(pc.unique(values)) == 1


def check_texts(context: Context) -> Iterator[Finding]:
    """Check texts for empty ones."""
    for name in context.tables:
        for column, feature in context.features_of(name).items():
            values = context.column(name, column)
            if not isinstance(feature, Text) or pa.types.is_nested(values.type):
                continue
            texts = flat(values).cast(pa.large_string())
            filled = pc.match_substring_regex(texts.fill_null(""), r"\S")
            empty = len(texts) - int(pc.sum(filled).as_py() or 0)
            if not empty:
                yield Finding("PASS", "texts", name, column, f"{len(texts):,} texts, none empty")
                continue
            condition = f"{context.quote(column)} IS NULL OR NOT regexp_matches({context.quote(column)}::VARCHAR, '\\S')"
            message = f"{empty:,} of {len(texts):,} texts are empty ({empty / len(texts):.1%}); they are read as no words."
            rows = context.examples(name, condition, column) if empty > 0.1 * len(texts) else []
            yield Finding("WARN" if empty > 0.1 * len(texts) else "PASS", "texts", name, column, message, rows)


def check_times(context: Context) -> Iterator[Finding]:
    """Check that the times of tables can be read, lie in the past and differ."""
    for name in context.tables:
        column = context.schema.tables[name].time
        if column is None or column not in context.columns(name):
            continue
        try:
            when = moments(context.column(name, column), f"{name}.{column}")
        except PlaitError as error:
            yield Finding("FAIL", "time", name, column, str(error))
            continue
        yield _time_finding(context, name, column, when)


def _time_finding(context: Context, name: str, column: str, when: np.ndarray) -> Finding:
    """Judge the moments of one table."""
    known = when[when != MISSING]
    if not len(known):
        text = "should say when each row happened. Found no time in any row. Leave `time` out."
        return Finding("FAIL", "time", name, column, text)
    first, last = (str(np.datetime64(int(at), "us").astype("datetime64[s]")) for at in (known.min(), known.max()))
    future = np.flatnonzero(when > int(time.time() * 1e6) + _DAY)
    ancient = np.flatnonzero((when != MISSING) & (when < _YEAR_1900))
    missing = len(when) - len(known)
    for rows, what in ((future, "lie in the future"), (ancient, "lie before 1900")):
        if len(rows):
            text = f"{len(rows):,} of {len(when):,} rows {what} ({first} to {last}); a split by time believes them."
            return Finding("WARN", "time", name, column, text, context.examples(name, f"row = {rows[0] + 1}", column))
    if first == last and len(known) > 1:
        text = f"every row happened at {first}, so nothing is before or after. Leave `time` out, or split at random."
        return Finding("WARN", "time", name, column, text)
    if missing:
        text = f"{missing:,} of {len(when):,} rows have no time; they train, and count in no history."
        shown = context.examples(name, f"{context.quote(column)} IS NULL", column)
        return Finding("WARN", "time", name, column, text, shown)
    return Finding("PASS", "time", name, column, f"{first} to {last}")
