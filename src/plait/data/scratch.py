"""Encoded columns between reading and packing: written column by column, taken and forgotten row block by row block.

Rows of a Parquet file are read several times faster column by column than batch by batch, and a matrix of rows is needed: so
the whole table stands here once, and shrinks while the matrix grows, which keeps the peak near one matrix.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable
from typing import Final, final

import numpy as np
import numpy.typing as npt

__all__ = ["Scratch"]

Ints = npt.NDArray[np.int32]
_ROWS: Final = 1 << 16


@final
class Scratch:
    """Encoded slots of one table.

    Args:
        most: how many slots its features may need.
        rows: its rows.
    """

    def __init__(self, most: int, rows: int) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._height = 0
        self._lock = threading.Lock()
        # Memory of its own for every block: it goes back to the system when the block is forgotten. Rows beyond the slots
        # that features turn out to need are never touched and take none.
        self._blocks = [_block(most, min(_ROWS, rows - start)) for start in range(0, rows, _ROWS)]

    def put(self, name: str, width: int, piece: Callable[[int, int], Ints]) -> None:
        """Keep a feature's slots. Safe to call from several threads.

        Args:
            name: the feature.
            width: its slots.
            piece: gives the slots of some rows, from first to last: int32 [slots, rows].
        """
        with self._lock:
            place, self._height = self._height, self._height + width
        self._places[name] = place, place + width
        start = 0
        for block in self._blocks:
            end = start + block.shape[1]
            block[place : place + width] = piece(start, end)
            start = end

    def take(self) -> list[Ints]:
        """Hand out the blocks of rows and forget them."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def slots(self, name: str, block: Ints) -> Ints:
        """Find a feature's slots in a block."""
        start, end = self._places[name]
        return block[start:end]


def _block(height: int, rows: int) -> Ints:
    memory = mmap.mmap(-1, max(4 * height * rows, 1))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.int32, height * rows).reshape(height, rows)
