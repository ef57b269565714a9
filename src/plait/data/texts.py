"""Texts to vectors through a given encoder: each different text once, kept by content so that it is never encoded again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.files import read_parquet, write_parquet
from plait.data.values import flat, texts
from plait.errors import CorruptError, DataError

__all__ = ["Tell", "TextEncoder", "encode_texts"]

Halves = npt.NDArray[np.float16]
Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@runtime_checkable
class TextEncoder(Protocol):
    """Reads texts; `plait.encode.text` has the one of pretrained models."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def fingerprint(self) -> str:
        """What identifies the encoder's weights and settings: equal fingerprints give equal vectors."""

    def __call__(self, texts: list[str], tell: Tell | None = None) -> Halves:
        """Encode texts to float16 [texts, dim]."""


def encode_texts(
    name: str, column: pa.Array | pa.ChunkedArray, encoder: TextEncoder, cache: Path | None, tell: Tell | None = None
) -> Halves:
    """Encode a column of texts; NULL and empty texts become zeros.

    Args:
        name: `table.column`, for messages.
        column: the texts.
        encoder: reads each different text once.
        cache: folder that keeps vectors by content (encoder and texts), or None to keep nothing.
        tell: reports progress.

    Returns:
        float16 [rows, dim].

    Raises:
        DataError: if the column holds no text.
    """
    try:
        words = pc.utf8_trim_whitespace(texts(flat(column)))
        encoded = words.dictionary_encode()
        unique: list[str] = encoded.dictionary.to_pylist()
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"`{name}` is read as text and should hold UTF-8 text. Found {column.type}: {error}. Correct the column, or "
            f"leave it out with `ignore`."
        ) from error
    vectors = np.zeros((len(unique) + 1, encoder.dim), dtype=np.float16)
    asked = [i for i, text in enumerate(unique) if text]
    if asked:
        vectors[asked] = _cached([unique[i] for i in asked], encoder, cache, tell)
    places = encoded.indices.fill_null(len(unique)).to_numpy(zero_copy_only=False)
    result: Halves = vectors[places]
    return result


def _cached(asked: list[str], encoder: TextEncoder, cache: Path | None, tell: Tell | None) -> Halves:
    if cache is None:
        return encoder(asked, tell)
    digest = hashlib.sha256(f"{encoder.fingerprint}\0{encoder.dim}\0".encode())
    for text in asked:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    path = cache / "texts" / f"{digest.hexdigest()[:32]}.parquet"
    if path.exists():
        try:
            kept: Halves = flat(read_parquet(path).column("vector")).flatten().to_numpy()
        except CorruptError:
            path.unlink()
        else:
            return kept.reshape(len(asked), encoder.dim)
    vectors = np.ascontiguousarray(encoder(asked, tell), dtype=np.float16)
    path.parent.mkdir(parents=True, exist_ok=True)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), encoder.dim)
    write_parquet(pa.table({"vector": column}), path)
    return vectors
