"""A column of texts → each different text once, and which one each row holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, texts
from plait.errors import DataError

__all__ = ["each_once"]


def each_once(name: str, column: pa.Array | pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Part a column into its texts and their places.

    Args:
        name: `table.column`, for messages.
        column: the texts.

    Returns:
        The different texts in the order in which they come, blanks around them taken off; one of them may be empty. And each
        row's place among them; NULL is the place behind the last.

    Raises:
        DataError: if the column holds no text.
    """
    try:
        encoded = pc.utf8_trim_whitespace(texts(flat(column))).dictionary_encode()
        found: list[str] = encoded.dictionary.to_pylist()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"`{name}` is read as text and should hold UTF-8 text. Found {column.type}: {error}. Correct the column, or "
            f"leave it out with `ignore`."
        ) from error
    return found, encoded.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
