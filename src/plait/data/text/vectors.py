"""Texts to vectors through a given encoder: each different text once, kept by content so that it is never encoded again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.kept import Kept, digest, named
from plait.data.text.once import each_once
from plait.progress import Tell

__all__ = ["TextEncoder", "encode_texts"]

Halves = npt.NDArray[np.float16]
_CHARACTERS: Final = 1 << 20
_TEXTS: Final = 1 << 13
"""Of a lot that is encoded and kept at once: some seconds' work for a small encoder."""


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
        cache: folder that keeps vectors by encoder and text, or None to keep nothing.
        tell: reports progress.

    Returns:
        float16 [rows, dim].

    Raises:
        DataError: if the column holds no text.
    """
    unique, places = each_once(name, column)
    vectors = np.zeros((len(unique) + 1, encoder.dim), dtype=np.float16)
    asked = [i for i, text in enumerate(unique) if text]
    if asked:
        vectors[asked] = _cached([unique[i] for i in asked], encoder, cache, tell)
    result: Halves = vectors[places]
    return result


def _cached(asked: list[str], encoder: TextEncoder, cache: Path | None, tell: Tell | None) -> Halves:
    """Take what is kept, and encode and keep the rest lot by lot, so that what ends early goes on where it stopped."""
    vectors = np.zeros((len(asked), encoder.dim), dtype=np.float16)
    known = named(digest(text.encode()) for text in asked)
    kept = Kept(cache / "texts", encoder.fingerprint, encoder.dim) if cache is not None else None
    missing = np.flatnonzero(~kept.fill(known, vectors)) if kept is not None else np.arange(len(asked))
    done = 0
    for some in _lots(missing, [len(asked[row]) for row in missing]):
        vectors[some] = encoder([asked[row] for row in some], _from(done, len(missing), tell))
        if kept is not None:
            kept.add(known.take(pa.array(some)), vectors[some])
        done += len(some)
    return vectors


def _lots(rows: npt.NDArray[np.int64], sizes: list[int]) -> Iterator[npt.NDArray[np.int64]]:
    """Cut rows into lots of about as many characters, and not too many texts."""
    start = characters = 0
    for number, size in enumerate(sizes):
        characters += size
        if characters >= _CHARACTERS or number + 1 - start == _TEXTS or number + 1 == len(sizes):
            yield rows[start : number + 1]
            start, characters = number + 1, 0


def _from(done: int, total: int, tell: Tell | None) -> Tell | None:
    """Tell of a lot as a part of all."""
    if tell is None:
        return None
    return lambda what, more, _: tell(what, done + more, total)
