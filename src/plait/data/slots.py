"""One column to its packed slots: fitted once on the training part, then applied alike to every row, then and later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

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

__all__ = ["Fitted", "Slotted", "as_fitted", "encode_feature", "fit_feature"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Slotted = Id | Category | Number | Time


@final
@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned about one feature."""

    vocabulary: Vocabulary | None = None
    width: int = 1
    """Packed slots: of codes, or of numbers."""
    number: NumberPlan | None = None


def fit_feature(name: str, feature: Slotted, column: pa.Array, weights: Longs | None) -> Fitted:
    """Learn a feature from the rows that are seen in training.

    Args:
        name: `table.column`, for messages.
        feature: how the column is read.
        column: the column, all rows.
        weights: how often each row is seen in training, 0 for never; every row once where not given.

    Raises:
        DataError: if the column is of another kind, naming it.
    """
    if isinstance(feature, Number):
        values = _numbers(name, column)
        return Fitted(
            number=(plan := fit(values if weights is None else values[weights > 0], feature.transform)),
            width=1 + plan.missing,
        )
    if isinstance(feature, Time):
        moments(column.slice(0, 1000), name)
        return Fitted(width=6)
    if (many := _many(feature, column)) is not None:
        inner, offsets = many
        sizes = np.diff(offsets)
        repeated = None if weights is None else np.repeat(weights, sizes)
        most = feature.most if isinstance(feature, Category) else 1
        width = int(min(max(sizes.max(initial=0), 1), most))
        return Fitted(count(inner, repeated, feature.min_count), width)
    if pa.types.is_nested(column.type):
        raise DataError(f"`{name}` is read as {feature.kind} and should hold one value per row. Found {column.type}.")
    return Fitted(count(column, weights, feature.min_count))


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
        indicator = missing.astype(np.float32) if len(missing) else np.zeros_like(values)
        return np.stack([values, indicator]).view(np.int32)
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
