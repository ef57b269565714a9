"""The profile of one column: what can be said of its values by looking at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import pyarrow as pa
import pyarrow.compute as pc

from plait.data.infer.separator import Many, find_separator
from plait.data.media.kinds import Look, look_of

__all__ = ["Profile", "Shape", "profile"]

Shape = Literal["empty", "truth", "integer", "fraction", "text", "time", "list", "vector", "other"]

_TOP = 30
_TEXTS = 5000
_WORDS = r"[\p{L}\p{N}]+"
_WIDE = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"


@final
@dataclass(frozen=True, slots=True)
class Profile:
    """What was seen of a column.

    Attributes:
        table: the table's name.
        name: the column's name.
        shape: what its values are; whole numbers stored as fractions count as integers.
        rows: rows looked at.
        nulls: how many of them hold nothing (NaN counts as nothing).
        distinct: different values among the rest (of a list column: different elements).
        low: smallest number.
        high: largest number.
        zeros: share of zeros among the numbers.
        heavy: whether the numbers above zero span so much that the mean is far above their middle.
        words: mean number of words of a text; for scripts without spaces two characters count as a word.
        chars: mean length of a text.
        top: the most frequent values with their counts, most frequent first, as text.
        length: of a list: the mean length; of a vector: its length.
        dates: share of a text's values that read as ISO dates.
        numeric: share of a text's values that read as numbers.
        many: of a text: how its cells split into many values.
        look: whether the values are pictures or sounds, by their names or first bytes.
    """

    table: str
    name: str
    shape: Shape
    rows: int
    nulls: int
    distinct: int
    low: float = 0.0
    high: float = 0.0
    zeros: float = 0.0
    heavy: bool = False
    words: float = 0.0
    chars: float = 0.0
    top: tuple[tuple[str, int], ...] = ()
    length: float = 0.0
    dates: float = 0.0
    numeric: float = 0.0
    many: Many | None = None
    look: Look = ""

    @property
    def filled(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.nulls

    @property
    def repeats(self) -> float:
        """How often a value occurs on average."""
        return self.filled / max(self.distinct, 1)

    @property
    def unique(self) -> bool:
        """Whether every row holds a value and no two the same."""
        return self.rows > 0 and self.nulls == 0 and self.distinct == self.rows


def profile(table: str, name: str, column: pa.ChunkedArray) -> Profile:
    """Look at one column.

    Args:
        table: the table's name.
        name: the column's name.
        column: its values.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _list(table, name, column)
    if pa.types.is_boolean(kind):
        return _plain(table, name, "truth", column)
    if pa.types.is_integer(kind):
        return _number(table, name, column)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number(table, name, column.cast(pa.float64()))
    if pa.types.is_temporal(kind) and not pa.types.is_duration(kind) and not pa.types.is_time(kind):
        return _plain(table, name, "time", column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _text(table, name, column.cast(pa.large_string()))
    shape: Shape = "empty" if pa.types.is_null(kind) else "other"
    return Profile(table, name, shape, len(column), column.null_count, 0, look=look_of(column))


def _counts(column: pa.ChunkedArray) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Count the different values and name the most frequent."""
    counted = pc.value_counts(column.drop_null())
    counted = counted.combine_chunks() if isinstance(counted, pa.ChunkedArray) else counted
    values, counts = counted.field("values"), counted.field("counts")
    best = pc.select_k_unstable(counts, k=min(_TOP, len(counts)), sort_keys=[("", "descending")])
    named = zip(values.take(best).to_pylist(), counts.take(best).to_pylist(), strict=True)
    return len(counts), tuple((str(value), int(count)) for value, count in named)


def _plain(table: str, name: str, shape: Shape, column: pa.ChunkedArray) -> Profile:
    """Look at truth values and moments."""
    distinct, top = _counts(column)
    if column.null_count == len(column) > 0:
        shape = "empty"
    return Profile(table, name, shape, len(column), column.null_count, distinct, top=top)


def _number(table: str, name: str, column: pa.ChunkedArray) -> Profile:
    """Look at numbers; infinite ones are left out of the extremes."""
    rows, given = len(column), column.drop_null()
    whole = pa.types.is_integer(given.type)
    if not whole:
        given = given.filter(pc.is_finite(given))
        whole = bool(pc.all(pc.equal(given, pc.floor(given))).as_py())
    if len(given) == 0:
        return Profile(table, name, "empty" if rows else ("integer" if whole else "fraction"), rows, rows, 0)
    if whole and not pa.types.is_integer(given.type) and pc.max(pc.abs(given)).as_py() < 2**53:
        given = given.cast(pa.int64())
    distinct, top = _counts(given) if whole else (int(pc.count_distinct(given).as_py()), ())
    if not whole and distinct <= _TOP:
        _, top = _counts(given)
    extremes = pc.min_max(given)
    above = given.filter(pc.greater(given, 0))
    heavy = False
    if len(above) > 20:
        middle, tail = (float(q) for q in pc.quantile(above, [0.5, 0.99]).to_pylist())
        heavy = tail > 8 * middle
    return Profile(
        table,
        name,
        "integer" if whole else "fraction",
        rows,
        rows - len(given),
        distinct,
        low=float(extremes["min"].as_py()),
        high=float(extremes["max"].as_py()),
        zeros=pc.sum(pc.equal(given, 0)).as_py() / len(given),
        heavy=heavy,
        top=top,
    )


def _text(table: str, name: str, column: pa.ChunkedArray) -> Profile:
    """Look at texts; words are counted on the first of them."""
    rows, given = len(column), column.drop_null()
    if len(given) == 0:
        return Profile(table, name, "empty" if rows else "text", rows, rows, 0)
    distinct, top = _counts(given)
    some = pc.utf8_trim_whitespace(given.unique()[:_TEXTS])
    wide = pc.count_substring_regex(some, _WIDE)
    spaced = pc.count_substring_regex(pc.replace_substring_regex(some, _WIDE, " "), _WORDS)
    filled = some.filter(pc.greater(pc.utf8_length(some), 0))
    total = max(len(filled), 1)
    return Profile(
        table,
        name,
        "text",
        rows,
        rows - len(given),
        distinct,
        words=(pc.sum(spaced).as_py() + pc.sum(wide).as_py() / 2) / total,
        chars=pc.mean(pc.utf8_length(some)).as_py() or 0.0,
        top=top,
        dates=pc.sum(pc.match_substring_regex(filled, r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$")).as_py() / total
        if len(filled)
        else 0.0,
        numeric=pc.sum(pc.match_substring_regex(filled, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")).as_py() / total
        if len(filled)
        else 0.0,
        many=find_separator(column),
        look=look_of(column),
    )


def _list(table: str, name: str, column: pa.ChunkedArray) -> Profile:
    """Look at lists: a vector where all have one length of 4 or more and hold fractions."""
    rows, given = len(column), column.drop_null()
    if len(given) == 0:
        return Profile(table, name, "empty" if rows else "list", rows, rows, 0)
    kind = given.type
    lengths = pc.list_value_length(given)
    flat = pc.list_flatten(given)
    flat = flat if isinstance(flat, pa.ChunkedArray) else pa.chunked_array([flat])
    low, high = (pc.min_max(lengths)[side].as_py() for side in ("min", "max"))
    if pa.types.is_floating(kind.value_type) or pa.types.is_decimal(kind.value_type):
        shape: Shape = "vector" if low == high >= 2 else "other"
        return Profile(table, name, shape, rows, rows - len(given), len(given), length=float(high))
    if pa.types.is_nested(kind.value_type):
        return Profile(table, name, "other", rows, rows - len(given), 0)
    distinct, top = _counts(flat)
    inner = profile(table, name, flat)
    return Profile(
        table,
        name,
        "list",
        rows,
        rows - len(given),
        distinct,
        words=inner.words,
        chars=inner.chars,
        top=top,
        length=pc.mean(lengths).as_py() or 0.0,
        low=float(low),
        high=float(high),
        numeric=1.0 if inner.shape in ("integer", "fraction") else 0.0,
    )
