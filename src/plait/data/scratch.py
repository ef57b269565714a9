"""Encoded columns between reading and packing: written column by column, taken and forgotten row block by row block.

Rows of a Parquet file are read several times faster column by column than batch by batch, and a matrix of rows is needed: so
the whole table stands here once, and shrinks while the matrix grows, which keeps the peak near one matrix.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from typing import Final, final

import numpy as np
import numpy.typing as npt

from plait.data.slots import Slotted
from plait.schema import Category, Number, Time

__all__ = ["Scratch"]

Ints = npt.NDArray[np.int32]
_ROWS: Final = 1 << 16


@final
class Scratch:
    """Encoded slots of one table.

    Args:
        features: the table's slotted features.
        rows: its rows.
    """

    def __init__(self, features: Mapping[str, Slotted], rows: int) -> None:
        self._places: dict[str, int] = {}
        height = 0
        for name, feature in features.items():
            self._places[name] = height
            height += _most(feature)
        self._widths: dict[str, int] = {}
        # Memory of its own for every block: it goes back to the system when the block is forgotten. What is never written
        # (slots that a feature turns out not to need) takes none.
        self._blocks: list[Ints] = [
            np.frombuffer(mmap.mmap(-1, max(4 * height * count, 1)), np.int32, height * count).reshape(height, count)
            for count in (min(_ROWS, rows - start) for start in range(0, rows, _ROWS))
        ]

    def put(self, name: str, values: Ints) -> None:
        """Keep a feature's slots, int32 [slots, rows]. Safe to call from several threads, for different features."""
        place, self._widths[name] = self._places[name], len(values)
        start = 0
        for block in self._blocks:
            end = start + block.shape[1]
            block[place : place + len(values)] = values[:, start:end]
            start = end

    def take(self) -> list[Ints]:
        """Hand out the blocks of rows and forget them."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def slots(self, name: str, block: Ints) -> Ints:
        """Find a feature's slots in a block."""
        return block[self._places[name] : self._places[name] + self._widths[name]]


def _most(feature: Slotted) -> int:
    if isinstance(feature, Category):
        return feature.most
    return 6 if isinstance(feature, Time) else 2 if isinstance(feature, Number) else 1
