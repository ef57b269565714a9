"""A column of pictures or sounds → one vector per row: each content once, kept so that it is never encoded again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.kept import Kept, digest, named
from plait.data.media.cells import Cells, Origin, read_cells
from plait.data.media.content import Unread, read_content
from plait.data.media.medium import Medium
from plait.progress import Tell

__all__ = ["Encoded", "Failures", "encode_media", "failures"]

Halves = npt.NDArray[np.float16]
_THREADS: Final = min(4, os.cpu_count() or 1)
_KEPT_AT_ONCE: Final = 1024
_FOLDER: Final = "media"
_Item = TypeVar("_Item")


@final
@dataclass(frozen=True, slots=True)
class Failures:
    """What could not be read: reason -> how many rows, with one of them."""

    rows: int
    """Rows whose cell is not empty."""
    counts: dict[str, int]
    examples: dict[str, tuple[int, str]]
    """Reason -> row and what stands there."""

    @property
    def failed(self) -> int:
        """Rows that count as rows without a picture or sound."""
        return sum(self.counts.values())

    def say(self, word: str) -> str:
        """Write them as a sentence."""
        parts = [
            f"{count:,} {reason} (row {self.examples[reason][0]}: {self.examples[reason][1]})"
            for reason, count in sorted(self.counts.items(), key=lambda item: -item[1])
        ]
        return f"{self.failed:,} of {self.rows:,} {word}s cannot be read and count as missing: {'; '.join(parts)}."


@final
@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors by row, and what could not be read."""

    vectors: Halves
    """float16 [rows, dim]; zeros where there is nothing."""
    failures: Failures


def encode_media(
    name: str,
    column: pa.Array | pa.ChunkedArray,
    medium: Medium,
    folder: Path | None,
    cache: Path | None,
    tell: Tell | None = None,
) -> Encoded:
    """Encode a column; a row without a readable content is zeros.

    What cannot be read — no such file, damaged, too large — is a missing value, not an end of the work.

    Args:
        name: `table.column`, for messages.
        column: paths, bytes, or structs of both.
        medium: decodes and encodes.
        folder: what relative paths start from; None where no file may be read.
        cache: folder that keeps vectors by content, or None to keep nothing.
        tell: reports progress.

    Raises:
        DataError: if the column holds something else.
    """
    cells = read_cells(name, column, folder, medium.kind)
    vectors = np.zeros((len(cells.origins) + 1, medium.dim), dtype=np.float16)
    unread: dict[int, Unread] = {}
    places: dict[bytes, list[int]] = {}
    for place, found in enumerate(_digests(cells.origins, medium)):
        if isinstance(found, Unread):
            unread[place] = found
        else:
            places.setdefault(found, []).append(place)
    kept = Kept(cache / _FOLDER, medium.fingerprint, medium.dim) if cache is not None else None
    waiting = _unknown(places, kept, vectors)
    done, total = 0, len(waiting)
    for some in _chunks(waiting, _KEPT_AT_ONCE):
        fresh: dict[bytes, Halves] = {}
        for few in _chunks(some, medium.batch):
            for (content, rows), one in zip(few, _encode(cells.origins, few, medium), strict=True):
                if isinstance(one, Unread):
                    unread |= dict.fromkeys(rows, one)
                else:
                    vectors[rows] = fresh[content] = one
            done += len(few)
            if tell is not None:
                tell(f"{medium.word}s of {name}", done, total)
        if kept is not None and fresh:
            kept.add(named(fresh), np.stack(list(fresh.values())))
    return Encoded(vectors[cells.places], failures(cells, unread))


def failures(cells: Cells, unread: dict[int, Unread]) -> Failures:
    """Count the rows whose content could not be read, by reason."""
    rows = np.bincount(cells.places[cells.places >= 0], minlength=len(cells.origins))
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[int, str]] = {}
    for place, why in sorted(unread.items()):
        counts[why.reason] += int(rows[place])
        origin = cells.origins[place]
        shown = str(origin) if isinstance(origin, Path) else f"{len(origin):,} bytes"
        examples.setdefault(why.reason, (cells.row(place), f"{shown}{': ' if why.detail else ''}{why.detail:.80}"))
    return Failures(int(rows.sum()), dict(counts), examples)


def _unknown(places: dict[bytes, list[int]], kept: Kept | None, vectors: Halves) -> list[tuple[bytes, list[int]]]:
    """Write the vectors that are kept, and return the contents that are not, each with its places."""
    if kept is None:
        return list(places.items())
    found = np.zeros((len(places), kept.dim), np.float16)
    there = kept.fill(named(places), found)
    for (_, rows), known, vector in zip(places.items(), there, found, strict=True):
        if known:
            vectors[rows] = vector
    return [item for item, known in zip(places.items(), there, strict=True) if not known]


def _digests(origins: Sequence[Origin], medium: Medium) -> Iterator[bytes | Unread]:
    def one(origin: Origin) -> bytes | Unread:
        content = read_content(origin, medium.most)
        return content if isinstance(content, Unread) else digest(content)

    with ThreadPoolExecutor(_THREADS) as pool:
        yield from pool.map(one, origins)


def _encode(origins: Sequence[Origin], some: Sequence[tuple[bytes, list[int]]], medium: Medium) -> list[Halves | Unread]:
    def one(item: tuple[bytes, list[int]]) -> object:
        content = read_content(origins[item[1][0]], medium.most)
        return content if isinstance(content, Unread) else medium.decode(content)

    with ThreadPoolExecutor(_THREADS) as pool:
        decoded = list(pool.map(one, some))
    readable = [one for one in decoded if isinstance(one, np.ndarray)]
    encoded = iter(medium.encode(readable) if readable else ())
    return [one if isinstance(one, Unread) else next(encoded) for one in decoded]


def _chunks(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
