"""Outside value to number and back: codes of ids and categories, row numbers of tables that have an id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, plain, plain_as

__all__ = ["Vocabulary", "count"]

Ints = npt.NDArray[np.int32]
_FEW: Final = 100
_DENSE: Final = 1 << 24
_FARTHEST: Final = 1 << 62


@final
@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Values in a fixed order; the value at position `i` has the number `first + i`.

    Codes of a feature count from 1, after 0 for "a value not seen in training", and the packed matrix holds them moved to
    the feature's place in the table's fused embedding. Row numbers count from 1, and 0 is "no such row".

    Attributes:
        values: int64 or text, no NULL, no value twice.
    """

    values: pa.Array

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, values: pa.Array | pa.ChunkedArray) -> Ints:
        """Return the number of each value: from 1, 0 for a value that is not here, -1 for NULL."""
        array = plain_as(flat(values), self.values.type)
        missing = array.null_count or flat(values).null_count
        if pa.types.is_dictionary(array.type):
            found = pc.index_in(array.dictionary, value_set=self.values).fill_null(-1).to_numpy(zero_copy_only=False)
            table = np.append(found.astype(np.int32) + 1, np.int32(0))
            places = array.indices.cast(pa.int32()).fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
            result: Ints = table[places]
        elif pa.types.is_int64(array.type) and (dense := self._dense()) is not None:
            lowest, table = dense
            places = array.fill_null(lowest - 1).to_numpy(zero_copy_only=False) - (lowest - 1)
            result = table[np.where((places < 0) | (places >= len(table)), 0, places)]
        elif len(array) < len(self.values) // _FEW:
            result = self._few(array)
        else:
            found = pc.index_in(array, value_set=self.values).fill_null(-1).to_numpy(zero_copy_only=False)
            result = found.astype(np.int32) + np.int32(1)
        if missing:
            result[_missing(values)] = -1
        return result

    def decode(self, numbers: npt.NDArray[np.integer]) -> pa.Array:
        """Return the values of numbers; 0 and below give NULL."""
        wanted = np.asarray(numbers, dtype=np.int64)
        return self.values.take(pa.array(np.maximum(wanted - 1, 0), mask=wanted < 1))

    def _few(self, array: pa.Array) -> Ints:
        """Look for the vocabulary in a few values: a table of these is made sooner than one of the vocabulary."""
        some = array.unique()
        met = pc.index_in(self.values, value_set=some)
        places = np.flatnonzero(met.is_valid().to_numpy(zero_copy_only=False))
        numbers = np.zeros(len(some), np.int32)
        numbers[met.take(pa.array(places)).to_numpy(zero_copy_only=False)] = places.astype(np.int32) + np.int32(1)
        found: Ints = numbers[pc.index_in(array, value_set=some).to_numpy(zero_copy_only=False)]
        return found

    def _dense(self) -> tuple[int, Ints] | None:
        """Make a direct table of a range of whole numbers, where that is not much longer than the vocabulary."""
        if not len(self.values):
            return None
        low, high = pc.min_max(self.values).as_py().values()
        if high - low > min(_DENSE, 4 * len(self.values) + 1024) or low < -_FARTHEST:
            return None
        table = np.zeros(high - low + 2, dtype=np.int32)
        table[self.values.to_numpy() - (low - 1)] = np.arange(1, len(self.values) + 1, dtype=np.int32)
        return low, table


def _missing(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(flat(pc.is_null(values, nan_is_null=True)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def count(values: pa.Array, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | None, least: int) -> Vocabulary:
    """Collect the values that occur often enough, ascending.

    Args:
        values: a column, or the flattened values of a many-valued one.
        rows: how often each entry counts, or which entries count once; every entry once where not given.
        least: values counted fewer times are left out.
    """
    array = plain(values)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    size = len(encoded.dictionary)
    places = encoded.indices.cast(pa.int32()).fill_null(size).to_numpy(zero_copy_only=False)
    if rows is not None and rows.dtype == np.bool_:
        places, rows = np.where(rows, places, np.int32(size)), None
    times = np.bincount(places, weights=rows, minlength=size + 1)[:size]
    kept = encoded.dictionary.filter(pa.array(times >= max(least, 1)))
    return Vocabulary(kept.unique().sort() if len(kept) else kept)
