"""One column to its packed slots: fitted once on the training part, then applied alike to every row, then and later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.moments import circles, moments
from plait.data.statistics import NumberPlan, fit, transform
from plait.data.values import flat, numbers, texts
from plait.data.vocabulary import Vocabulary, count
from plait.errors import DataError
from plait.layout import FeatureLayout
from plait.schema import Category, Id, Number, Time

__all__ = ["Fitted", "Seen", "Slotted", "as_fitted", "encode_feature", "fit_feature", "most_slots"]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Slotted = Id | Category | Number | Time
_SAMPLE: Final = 100_000
_FEW: Final = 1000


@final
@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned about one feature."""

    vocabulary: Vocabulary | None = None
    width: int = 1
    """Packed slots: of codes, or of numbers."""
    number: NumberPlan | None = None


@final
@dataclass(frozen=True, slots=True)
class Seen:
    """Which rows of a table training sees.

    Attributes:
        rows: bool [rows]: which are seen.
        times: how often, where that is more than once for some; else None.
        sample: at most 100,000 of the rows that are seen, spread evenly.
    """

    rows: Bools
    times: Longs | None
    sample: Longs

    @classmethod
    def of(cls, times: Longs) -> Seen:
        """Take how often each row is seen."""
        rows = times > 0
        places = np.flatnonzero(rows)
        if len(places) > _SAMPLE:
            # One place drawn in each of 100,000 equal stretches, so that no rhythm of the rows can show.
            drawn = np.random.default_rng(0).random(_SAMPLE)
            places = places[((np.arange(_SAMPLE) + drawn) * (len(places) / _SAMPLE)).astype(np.int64)]
        return cls(rows, times if times.max(initial=0) > 1 else None, places)

    @property
    def counted(self) -> Longs | Bools:
        """How often each row counts."""
        return self.rows if self.times is None else self.times


def fit_feature(name: str, feature: Slotted, column: pa.Array, seen: Seen) -> Fitted:
    """Learn a feature from the rows that are seen in training.

    Args:
        name: `table.column`, for messages.
        feature: how the column is read.
        column: the column, all rows.
        seen: which rows count.

    Raises:
        DataError: if the column is of another kind, naming it.
    """
    if isinstance(feature, Number):
        return _fit_number(name, feature, column, seen)
    if isinstance(feature, Time):
        moments(column.slice(0, 1000), name)
        return Fitted(width=6)
    if (many := _many(feature, column)) is not None:
        inner, offsets = many
        sizes = np.diff(offsets)
        most = feature.most if isinstance(feature, Category) else 1
        width = int(min(max(sizes.max(initial=0), 1), most))
        rows = np.repeat(np.arange(len(column)), sizes)
        return Fitted(count(inner, seen.counted[rows], feature.min_count), width)
    try:
        return Fitted(count(column, seen.counted, feature.min_count))
    except pa.ArrowException as error:
        raise DataError(
            f"`{name}` is read as {feature.kind} and should hold one plain value per row. Found {column.type}. Leave the "
            f"column out with `ignore`, or write it as text."
        ) from error


def _fit_number(name: str, feature: Number, column: pa.Array, seen: Seen) -> Fitted:
    values = _numbers(name, column)
    finite = np.isfinite(values)
    missing = not finite.all() and not bool(finite[seen.rows].all())
    sample = values[seen.sample]
    if missing and np.count_nonzero(np.isfinite(sample)) < _FEW:
        sample = values[seen.rows & finite][:_SAMPLE]
    plan = fit(sample, feature.transform, missing)
    return Fitted(number=plan, width=1 + plan.missing)


def most_slots(feature: Slotted, kind: pa.DataType) -> int:
    """Say how many packed slots a feature of some column type may need."""
    if isinstance(feature, Category):
        return feature.most if feature.separator is not None or pa.types.is_nested(kind) else 1
    return 6 if isinstance(feature, Time) else 2 if isinstance(feature, Number) else 1


def encode_feature(name: str, feature: Slotted, fitted: Fitted, column: pa.Array) -> Ints:
    """Turn a column into packed slots.

    Returns:
        int32 [slots, rows]: for codes -1 missing, 0 not seen in training, i the i-th value; for numbers float32 bits.
    """
    if isinstance(feature, Number):
        assert fitted.number is not None
        values, missing = transform(fitted.number, _numbers(name, column))
        if not fitted.number.missing:
            return values.view(np.int32)[None]
        return np.stack([values, missing.astype(np.float32)]).view(np.int32)
    if isinstance(feature, Time):
        return circles(moments(column, name)).view(np.int32)
    assert fitted.vocabulary is not None
    if (many := _many(feature, column)) is None:
        return fitted.vocabulary.encode(column)[None]
    inner, offsets = many
    codes = fitted.vocabulary.encode(inner)
    result = np.full((fitted.width, len(column)), -1, dtype=np.int32)
    sizes = np.diff(offsets)
    rows = np.repeat(np.arange(len(column)), sizes)
    places = np.arange(len(codes)) - np.repeat(offsets[:-1], sizes)
    fits = places < fitted.width
    result[places[fits], rows[fits]] = codes[fits]
    return result


def as_fitted(layout: FeatureLayout, vocabulary: Vocabulary | None, number: NumberPlan | None) -> Fitted:
    """Rebuild what was learned from the frozen plan."""
    return Fitted(vocabulary, len(layout.slots) or len(layout.numbers), number)


def _numbers(name: str, column: pa.Array) -> npt.NDArray[np.float64]:
    values = numbers(column)
    if values is None:
        example = ""
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            for row, word in enumerate(column.to_pylist(), 1):
                try:
                    float(word or 0)
                except ValueError:
                    example = f" `{word}` in row {row}"
                    break
        raise DataError(
            f"`{name}` is read as number and should hold numbers. Found {column.type}{example}. Read it as category or text "
            f"in `features`, or correct the column."
        )
    return values


def _many(feature: Id | Category, column: pa.Array) -> tuple[pa.Array, Longs] | None:
    """Flatten a many-valued column: its values and where each row's start; None where every row has one value."""
    if not isinstance(feature, Category):
        return None
    if feature.separator is not None and not pa.types.is_list(column.type):
        words = texts(column)
        column = pc.split_pattern(words, feature.separator)
        inner = pc.utf8_trim_whitespace(column.flatten())
        full = pc.not_equal(inner, "")
        offsets = _offsets(column)
        kept = np.concatenate([[0], np.cumsum(full.to_numpy(zero_copy_only=False))])
        return inner.filter(full), kept[offsets]
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return flat(column.flatten()), _offsets(column)
    return None


def _offsets(column: pa.Array) -> Longs:
    sizes = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
