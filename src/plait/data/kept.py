"""Vectors kept on the disk by what they were made from: a folder per encoder, a file per lot, none ever changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.files import read_parquet, write_parquet
from plait.data.values import flat
from plait.errors import CorruptError

__all__ = ["Kept", "digest", "named"]

Halves = npt.NDArray[np.float16]
_BYTES = 16


def digest(content: bytes) -> bytes:
    """Hash a content: equal hashes, equal contents."""
    return hashlib.blake2b(content, digest_size=_BYTES).digest()


def named(hashes: Iterable[bytes]) -> pa.Array:
    """Make a column of hashes."""
    return pa.array(list(hashes), pa.binary(_BYTES))


@final
class Kept:
    """The vectors that one encoder has made, by the hash of their content.

    A few new contents cost a few vectors, however many are kept, and what was kept before an interruption stays. A damaged
    file, or one of another length of vectors, is forgotten with all that is in it, and its contents are encoded again.

    Args:
        root: folder that keeps the vectors of all encoders of a kind.
        fingerprint: of the encoder; each has a folder of its own.
        dim: length of a vector.
    """

    def __init__(self, root: Path, fingerprint: str, dim: int) -> None:
        self.dim = dim
        self.folder = root / hashlib.sha256(f"{fingerprint}\0{dim}".encode()).hexdigest()[:32]

    def fill(self, wanted: pa.Array, vectors: Halves) -> npt.NDArray[np.bool_]:
        """Write what is kept into the rows of `vectors`.

        Args:
            wanted: hash of each row's content, all different.
            vectors: float16 [rows, dim], changed in place.

        Returns:
            Which rows were found.
        """
        found = np.zeros(len(wanted), np.bool_)
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                names = flat(read_parquet(path, ["vector"]).column("content"))
                rows = pc.index_in(names.cast(wanted.type), value_set=wanted)
                here = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
                if not len(here):
                    continue
                places = rows.drop_null().to_numpy()
                kept = (
                    flat(read_parquet(path, ["content"]).column("vector")).flatten().to_numpy().reshape(len(names), self.dim)
                )
            except (CorruptError, KeyError, ValueError, pa.ArrowException):
                path.unlink(missing_ok=True)
                continue
            vectors[places] = kept[here]
            found[places] = True
        return found

    def add(self, contents: pa.Array, vectors: Halves) -> None:
        """Keep a lot of vectors, by the hashes of their contents; the file appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        column = pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(vectors).reshape(-1)), self.dim)
        name = hashlib.blake2b(b"".join(contents.to_pylist()), digest_size=_BYTES).hexdigest()
        write_parquet(pa.table({"content": contents, "vector": column}), self.folder / f"{name}.parquet")
