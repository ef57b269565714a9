"""Moments as whole microseconds, and as six numbers on circles."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, numbers
from plait.errors import DataError

__all__ = ["MISSING", "circles", "moments"]

Moments = npt.NDArray[np.int64]
MISSING: Final = np.iinfo(np.int64).min
"""The moment of a row without one."""
_DAY: Final = 86_400_000_000
# Larger than any date in seconds that people record: so it is milliseconds, microseconds or nanoseconds.
_UNITS: Final = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))


def moments(column: pa.Array | pa.ChunkedArray, name: str) -> Moments:
    """Read a column as microseconds since 1970 (UTC), `MISSING` where there is none.

    Timestamps and dates are taken as they are, numbers as seconds since 1970 (as milli-, micro- or nanoseconds where they
    are too large for seconds), text as ISO 8601.

    Args:
        column: the column.
        name: `table.column`, for messages.

    Raises:
        DataError: if it holds something else, with an example and its row.
    """
    values = flat(column)
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values, kind = _parse(values, name)
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("ms"))
    if pa.types.is_temporal(values.type) and pa.types.is_timestamp(values.type):
        micros = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64())
        return np.asarray(micros.fill_null(MISSING).to_numpy(zero_copy_only=False), dtype=np.int64)
    found = numbers(values)
    if found is None or pa.types.is_boolean(kind):
        raise DataError(
            f"`{name}` should hold moments: timestamps, dates, or numbers of seconds since 1970. Found {kind}. "
            f"Name another column, or leave the time out."
        )
    finite = np.isfinite(found)
    known = np.where(finite, found, 0.0)
    size = np.abs(known)
    least, micros = np.inf, np.zeros(len(found))
    for unit, factor in _UNITS:
        chosen = (size >= unit) & (size < least)
        least = unit
        if chosen.any():
            np.multiply(known, factor, out=micros, where=chosen)
    return np.where(finite, micros, 0.0).astype(np.int64) + np.where(finite, 0, MISSING)


def _parse(values: pa.Array, name: str) -> tuple[pa.Array, pa.DataType]:
    words = pc.utf8_trim_whitespace(values)
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, words.type), words)
    if (seconds := numbers(words)) is not None:
        return pa.array(seconds, from_pandas=True), pa.float64()
    try:
        return words.cast(pa.timestamp("us")), pa.timestamp("us")
    except pa.ArrowInvalid as error:
        zoned = pc.match_substring_regex(words, r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
        if pc.all(zoned).as_py():
            return words.cast(pa.timestamp("us", "UTC")), pa.timestamp("us", "UTC")
        # Where numbers of seconds stand beside one other word, that word is what is wrong.
        counted = pc.match_substring_regex(words, r"^-?[0-9]+(\.[0-9]*)?$").to_pylist()
        rows = [row for number in (False, True) for row, one in enumerate(counted) if one is number]
        row = next(row for row in rows if not _moment(words[row]))
        raise DataError(
            f"`{name}` should hold moments such as 2024-05-31 18:00:00. Found `{words[row]}` in row {row + 1}. "
            f"Write it as a timestamp, or as seconds since 1970."
        ) from error


def _moment(word: pa.Scalar) -> bool:
    """Tell whether a word is a moment as ISO 8601 writes it."""
    try:
        word.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return False
    return True


def circles(when: Moments) -> npt.NDArray[np.float32]:
    """Place moments on three circles: hour of the day, day of the week, day of the year; a missing one in their middle.

    Returns:
        float32 [6, rows]: sine and cosine of each.
    """
    known = when != MISSING
    time = np.where(known, when, 0)
    days = np.floor_divide(time, _DAY)
    hour = (time - days * _DAY) / _DAY
    weekday = ((days + 3) % 7 + hour) / 7
    dates = days.astype("datetime64[D]")
    year = (dates - dates.astype("datetime64[Y]")).astype(np.float64) / 365.25
    turns = np.stack([hour, weekday, year]) * (2 * np.pi)
    result = np.empty((6, len(when)), dtype=np.float32)
    result[0::2], result[1::2] = np.sin(turns), np.cos(turns)
    result[:, ~known] = 0.0
    return result
