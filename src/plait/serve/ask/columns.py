"""Columns of the items' table that a choice can be made by: a number, a word, or several words for each item."""

from collections.abc import Sequence
from functools import cached_property
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.errors import RecipeError
from plait.serve.ask.questions import Range, Value

__all__ = ["Column"]


@final
class Column:
    """One column, laid out so that a condition is one operation over all items.

    Args:
        name: of the column.
        values: one for each item, from row 1.
        separator: what stands between several words of a text.
    """

    def __init__(self, name: str, values: pa.ChunkedArray, separator: str | None = None) -> None:
        self.name = name
        self.size = len(values) + 1
        kind = values.type
        self._numbers: Tensor | None = None
        self._values = values
        self._separator = separator
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            numbers = pc.fill_null(values.cast(pa.float64(), safe=False), float("nan")).to_numpy()
            self._numbers = torch.cat([torch.tensor([torch.nan], dtype=torch.float64), torch.from_numpy(numbers.copy())])

    @property
    def names(self) -> list[str]:
        """The words that occur, by number."""
        return self._words[0]

    @property
    def owners(self) -> Int[Tensor, " m"]:
        """The item row of each word of each item, ascending."""
        return self._words[1]

    @property
    def codes(self) -> Int[Tensor, " m"]:
        """The number of each of these words."""
        return self._words[2]

    def equal(self, wanted: Sequence[Value]) -> Bool[Tensor, " N"]:
        """Return which items have one of some values."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        if self._numbers is not None:
            return torch.isin(self._numbers, torch.tensor([self._number(value) for value in wanted], dtype=torch.float64))
        chosen = torch.zeros(len(self.names) + 1, dtype=torch.bool)
        for value in wanted:
            chosen[self._number_of.get(_written(value), len(self.names))] = True
        chosen[-1] = False
        mask[self.owners[chosen[self.codes]]] = True
        return mask

    def between(self, bounds: Range) -> Bool[Tensor, " N"]:
        """Return which items lie within bounds; those without a value do not."""
        if self._numbers is not None:
            mask = ~self._numbers.isnan()
            if bounds.min is not None:
                mask &= self._numbers >= self._number(bounds.min)
            if bounds.max is not None:
                mask &= self._numbers <= self._number(bounds.max)
            return mask
        try:
            texts = self._values.cast(pa.string())
        except pa.ArrowException:
            raise RecipeError(
                f"A range is of numbers, texts or times. The column `{self.name}` holds {self._values.type}; name values."
            ) from None
        found = pc.is_valid(texts)
        if bounds.min is not None:
            found = pc.and_(found, pc.fill_null(pc.greater_equal(texts, str(bounds.min)), False))
        if bounds.max is not None:
            found = pc.and_(found, pc.fill_null(pc.less_equal(texts, str(bounds.max)), False))
        inside = torch.from_numpy(found.to_numpy().astype(bool))
        return torch.cat([torch.zeros(1, dtype=torch.bool), inside])

    def words_of(self, rows: Int[Tensor, " n"]) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
        """Return for some items the place in `rows` and the number of each of their words."""
        first = torch.searchsorted(self.owners, rows)
        counts = torch.searchsorted(self.owners, rows, right=True) - first
        places = torch.repeat_interleave(torch.arange(len(rows)), counts)
        within = torch.arange(len(places)) - torch.repeat_interleave(counts.cumsum(0) - counts, counts)
        return places, self.codes[first[places] + within]

    @cached_property
    def _words(self) -> tuple[list[str], Tensor, Tensor]:
        # Made when first asked for: of a million prices nobody wants the words.
        return _words(self._values, self._separator)

    @cached_property
    def _number_of(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.names)}

    def _number(self, value: Value) -> float:
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise RecipeError(
                f"A condition on the column `{self.name}` should be a number, as its values are. Found `{value}`."
            ) from None


def _words(values: pa.ChunkedArray, separator: str | None) -> tuple[list[str], Tensor, Tensor]:
    """Number the words of each item; the same word twice counts once."""
    whole = values.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    if pa.types.is_list(whole.type) or pa.types.is_large_list(whole.type):
        lists = whole
    elif separator is not None and (pa.types.is_string(whole.type) or pa.types.is_large_string(whole.type)):
        lists = pc.split_pattern(whole, separator)
    else:
        lists = None
    flat = whole if lists is None else pc.list_flatten(lists)
    owners = pa.array(np.arange(len(whole))) if lists is None else pc.list_parent_indices(lists)
    try:
        texts = pc.utf8_trim_whitespace(flat.cast(pa.string()))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return [], torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)
    kept = pc.and_(pc.is_valid(texts), pc.not_equal(pc.fill_null(texts, ""), ""))
    encoded = texts.filter(kept).dictionary_encode()
    rows = torch.from_numpy(owners.filter(kept).to_numpy(zero_copy_only=False).astype("int64")) + 1
    codes = torch.from_numpy(encoded.indices.to_numpy(zero_copy_only=False).astype("int64"))
    names: list[str] = encoded.dictionary.to_pylist()
    if lists is None:
        return names, rows, codes
    pairs = torch.unique(rows * max(len(names), 1) + codes)
    return names, pairs // max(len(names), 1), pairs % max(len(names), 1)


def _written(value: Value) -> str:
    """Write a value as a column's text has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
