"""Given embeddings: one list of numbers per row, all of one length."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat
from plait.errors import DataError

__all__ = ["given_vectors"]

_LARGEST: Final = 65504.0


def given_vectors(name: str, column: pa.Array | pa.ChunkedArray, dim: int | None = None) -> npt.NDArray[np.float16]:
    """Read a list column as float16 [rows, dim]; NULL rows become zeros, and so do numbers that are not finite.

    Args:
        name: `table.column`, for messages.
        column: the lists.
        dim: the length they should have; the first row's where not given.

    Raises:
        DataError: if the column holds no lists of numbers, or a list of another length, naming its row.
    """
    values = flat(column)
    listed = pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type)
    if not listed or not (pa.types.is_floating(values.type.value_type) or pa.types.is_integer(values.type.value_type)):
        raise DataError(f"`{name}` is read as embedding and should hold a list of numbers per row. Found {values.type}.")
    sizes = pc.list_value_length(values)
    known = pc.is_valid(values).to_numpy(zero_copy_only=False)
    lengths = sizes.fill_null(0).to_numpy(zero_copy_only=False)
    if dim is None:
        dim = int(lengths[known][0]) if known.any() else 1
    wrong = np.flatnonzero(known & (lengths != dim))
    if len(wrong) or dim < 1:
        row = int(wrong[0]) if len(wrong) else 0
        raise DataError(
            f"`{name}` is read as embedding and should hold {dim} numbers in every row. Found {int(lengths[row])} in row "
            f"{row + 1}, and other than {dim} in {len(wrong)} rows. Correct the column."
        )
    inner = values.drop_null().flatten().cast(pa.float32()).to_numpy(zero_copy_only=False)
    inner = np.clip(np.nan_to_num(inner, nan=0.0, posinf=0.0, neginf=0.0), -_LARGEST, _LARGEST)
    result = np.zeros((len(values), dim), dtype=np.float16)
    result[known] = inner.reshape(-1, dim)
    return result
