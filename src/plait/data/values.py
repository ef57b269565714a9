"""Outside values in one form: whole numbers as int64, everything else as text, so that 1, 1.0 and "1" are one value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["flat", "numbers", "plain", "plain_as", "texts"]

Floats = npt.NDArray[np.float64]


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Make one array of a column, unifying the dictionaries of its chunks."""
    if isinstance(column, pa.Array):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def plain(values: pa.Array) -> pa.Array:
    """Bring values into plain form: int64, or text, or a dictionary of text.

    Whole numbers (also as floats or decimals) become int64, floats with a fraction become text (`1.5`, and `1` for 1.0), NaN
    becomes NULL, dates and times ISO text, booleans `false` and `true`, bytes hexadecimal. Empty text is a value like any
    other.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        inner = plain(values.dictionary)
        if pa.types.is_int64(inner.type) or pa.types.is_dictionary(inner.type):
            return plain(values.dictionary_decode())
        return pa.DictionaryArray.from_arrays(values.indices, inner)
    if pa.types.is_int64(kind) or pa.types.is_string(kind):
        return values
    if pa.types.is_uint64(kind):
        top = pc.max(values).as_py()
        return values.cast(pa.int64() if top is None or top < 2**63 else pa.string())
    if pa.types.is_integer(kind):
        return values.cast(pa.int64())
    if pa.types.is_null(kind):
        return values.cast(pa.string())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _of_floats(values.cast(pa.float64()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        encoded = values.dictionary_encode()
        return pa.DictionaryArray.from_arrays(encoded.indices, pa.array([v.hex() for v in encoded.dictionary.to_pylist()]))
    return values.cast(pa.string())


def _of_floats(values: pa.Array) -> pa.Array:
    array = values.to_numpy(zero_copy_only=False)
    missing = np.isnan(array)
    whole = (array == np.floor(array)) & (np.abs(array) < 2**63)
    if np.all(whole | missing):
        filled = np.where(missing, 0.0, array).astype(np.int64)
        return pa.array(filled, mask=missing) if missing.any() else pa.array(filled)
    distinct, places = np.unique(array, return_inverse=True)
    written = [str(int(v)) if v == np.floor(v) and abs(v) < 2**63 else repr(float(v)) for v in distinct]
    result = pa.array(written, type=pa.string()).take(pa.array(places))
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), result)


def plain_as(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Bring values into the plain form of a vocabulary: int64 or text. Text that is no whole number is NULL among int64."""
    found = plain(values)
    inner = found.type.value_type if pa.types.is_dictionary(found.type) else found.type
    if inner.equals(kind):
        return found
    if pa.types.is_string(kind):
        return found.cast(pa.string())
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    whole = pc.match_substring_regex(found, r"^-?[0-9]{1,18}(\.0+)?$")
    digits = pc.replace_substring_regex(pc.if_else(whole, found, pa.scalar(None, pa.string())), r"\.0+$", "")
    return digits.cast(pa.int64())


def numbers(values: pa.Array) -> Floats | None:
    """Read a column as float64 with NaN where missing; None where it is no column of numbers."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return numbers(values.dictionary_decode())
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        values = values.cast(pa.float64())
    elif pa.types.is_null(kind):
        return np.full(len(values), np.nan)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            values = pc.if_else(pc.equal(values, ""), pa.scalar(None, kind), values).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    array = values.to_numpy(zero_copy_only=False)
    return np.asarray(array, dtype=np.float64)


def texts(values: pa.Array) -> pa.Array:
    """Write values as plain text, for class names and messages."""
    found = plain(values)
    return found.dictionary_decode() if pa.types.is_dictionary(found.type) else found.cast(pa.string())
