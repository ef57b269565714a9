"""A column of pictures or sounds → one vector per row: each content once, kept so that it is never encoded again."""

from __future__ import annotations

import hashlib
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

from plait.data.files import read_parquet, write_parquet
from plait.data.media.cells import Cells, Origin, read_cells
from plait.data.media.content import Unread, read_content
from plait.data.media.medium import Medium
from plait.data.texts import Tell
from plait.data.values import flat
from plait.errors import CorruptError

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
    store = _Store(cache / _FOLDER, medium) if cache is not None else None
    vectors = np.zeros((len(cells.origins) + 1, medium.dim), dtype=np.float16)
    unread: dict[int, Unread] = {}
    waiting: dict[bytes, list[int]] = {}
    known = store.read() if store is not None else {}
    for place, digest in enumerate(_digests(cells.origins, medium)):
        if isinstance(digest, Unread):
            unread[place] = digest
        elif digest in known:
            vectors[place] = known[digest]
        else:
            waiting.setdefault(digest, []).append(place)
    done, total = 0, len(waiting)
    for some in _chunks(list(waiting.items()), _KEPT_AT_ONCE):
        fresh: dict[bytes, Halves] = {}
        for few in _chunks(some, medium.batch):
            found = _encode(cells.origins, few, medium)
            for (digest, places), one in zip(few, found, strict=True):
                if isinstance(one, Unread):
                    unread |= dict.fromkeys(places, one)
                else:
                    vectors[places] = fresh[digest] = one
            done += len(few)
            if tell is not None:
                tell(f"{medium.word}s of {name}", done, total)
        if store is not None and fresh:
            store.add(fresh)
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


def _digests(origins: Sequence[Origin], medium: Medium) -> Iterator[bytes | Unread]:
    def one(origin: Origin) -> bytes | Unread:
        content = read_content(origin, medium.most)
        return content if isinstance(content, Unread) else hashlib.sha256(content).digest()

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


@final
class _Store:
    """Vectors by content, one folder per encoder, one file per lot that was encoded; a damaged file is forgotten."""

    def __init__(self, root: Path, medium: Medium) -> None:
        self.dim = medium.dim
        self.folder = root / hashlib.sha256(f"{medium.fingerprint}:{medium.dim}".encode()).hexdigest()[:32]

    def read(self) -> dict[bytes, Halves]:
        """Read everything that is kept."""
        found: dict[bytes, Halves] = {}
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                kept = read_parquet(path)
            except CorruptError:
                path.unlink()
                continue
            vectors = flat(kept.column("vector")).flatten().to_numpy().reshape(-1, self.dim)
            found |= zip(kept.column("digest").to_pylist(), vectors, strict=True)
        return found

    def add(self, fresh: dict[bytes, Halves]) -> None:
        """Keep vectors by the hash of their content."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digests = list(fresh)
        vectors = np.ascontiguousarray(np.stack(list(fresh.values()))).reshape(-1)
        columns = {
            "digest": pa.array(digests, pa.binary(32)),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors), self.dim),
        }
        write_parquet(pa.table(columns), self.folder / f"{hashlib.sha256(b''.join(digests)).hexdigest()[:32]}.parquet")
