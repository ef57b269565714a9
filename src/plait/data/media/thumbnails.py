"""Small pictures of a table's rows, kept with the prepared tables for the pages that show them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pyarrow as pa

from plait.data.files import file_name, read_parquet, write_parquet
from plait.data.media.cells import Cells, Origin
from plait.data.media.content import Unread, read_content
from plait.data.media.pictures import thumbnail

__all__ = ["read_thumbnails", "write_thumbnails"]

_SIDE: Final = 128
_DIFFERENT: Final = 20_000
_MOST: Final = 64 << 20
_THREADS: Final = min(4, os.cpu_count() or 1)


def write_thumbnails(folder: Path, table: str, cells: Cells) -> None:
    """Write the small pictures of a table; none where there are too many different ones to be worth their space.

    Args:
        folder: the prepared folder.
        table: whose rows.
        cells: its column of pictures.
    """
    if not 0 < len(cells.origins) <= _DIFFERENT:
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        small: Sequence[bytes | None] = list(pool.map(_small, cells.origins))
    pictures = pa.array(small, pa.binary()).take(pa.array(cells.places, mask=cells.places < 0))
    path = _file(folder, table)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(pa.table({"picture": pictures}), path)


def read_thumbnails(folder: Path, table: str) -> pa.ChunkedArray | None:
    """Read the small pictures of a table, JPEG by row; None where none are kept.

    Raises:
        CorruptError: if the file is damaged.
    """
    path = _file(folder, table)
    return read_parquet(path).column("picture") if path.exists() else None


def _file(folder: Path, table: str) -> Path:
    return folder / "pictures" / f"{file_name(table)}.parquet"


def _small(origin: Origin) -> bytes | None:
    content = read_content(origin, _MOST)
    return None if isinstance(content, Unread) else thumbnail(content, _SIDE)
