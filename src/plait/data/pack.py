"""Fitted columns packed into a table's matrix, block of rows by block of rows. New rows go through the same code."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.engine import Engine
from plait.data.scratch import Scratch
from plait.data.slots import encode_feature
from plait.data.table import Packing
from plait.errors import DataError
from plait.layout import TableLayout
from plait.progress import Tell
from plait.schema import Category, Id

__all__ = ["matrix_shape", "pack", "turn"]

Ints = npt.NDArray[np.int32]
Read = Callable[[str], Ints]
"""Feature -> its slots of one block of rows, int32 [slots, rows]."""
_THREADS: Final = min(4, os.cpu_count() or 1)
_BATCH: Final = 1 << 16
_CACHED: Final = 1 << 12


def matrix_shape(layout: TableLayout) -> tuple[int, int]:
    """Return rows (row 0 included) and packed slots of a table's matrix."""
    return layout.rows + 1, layout.codes + len(layout.keys) + layout.numbers


def pack(engine: Engine, packing: Packing, layout: TableLayout, matrix: Ints, tell: Tell | None = None) -> Iterator[Ints]:
    """Fill the matrix of a table; run through the result to the end.

    Beside the matrix only a few blocks of rows are in memory: those of the scratch are forgotten once they are packed, and
    where there is no scratch the source is read again, block by block.

    Args:
        engine: reads the columns.
        packing: the fitted features.
        layout: from `lay_out`.
        matrix: int32 [rows + 1, slots], filled; row 0 becomes what a row of NULLs would be.
        tell: reports progress.

    Returns:
        The same content turned: int32 [slots, some rows], in row order, from row 0.

    Raises:
        DataError: if the source gives another number of rows than it did before.
    """
    matrix[0] = _empty_row(packing, layout)
    yield np.ascontiguousarray(matrix[:1].T)
    waiting: deque[Future[Ints]] = deque()
    done = 1
    with ThreadPoolExecutor(_THREADS) as pool:
        start = 0
        for rows, read in _blocks(engine, packing, layout):
            if start + rows > layout.rows:
                break
            waiting.append(pool.submit(_block, packing, layout, start, rows, read, matrix))
            start += rows
            if len(waiting) >= _THREADS:
                done += (block := waiting.popleft().result()).shape[1]
                if tell is not None:
                    tell(f"rows of {packing.name}", done - 1, layout.rows)
                yield block
        while waiting:
            done += (block := waiting.popleft().result()).shape[1]
            yield block
    if done != len(matrix):
        raise DataError(
            f"Table `{packing.name}` had {layout.rows} rows and changed while it was read. Run the command again."
        )


def turn(block: Ints, rows: Ints) -> None:
    """Write int32 [slots, rows] as int32 [rows, slots], in pieces that stay in the processor's cache."""
    for start in range(0, len(rows), _CACHED):
        rows[start : start + _CACHED] = block[:, start : start + _CACHED].T


def _blocks(engine: Engine, packing: Packing, layout: TableLayout) -> Iterator[tuple[int, Read]]:
    """Hand out blocks of rows: how many, and how to get at a feature's encoded slots."""
    slotted = packing.slotted
    if not slotted:
        for start in range(0, layout.rows, _BATCH):
            yield min(_BATCH, layout.rows - start), _nothing
    elif (scratch := packing.scratch) is not None:
        blocks = scratch.take()[::-1]
        while blocks:
            block = blocks.pop()
            yield block.shape[1], partial(_kept, scratch, block)
    else:
        coded = {name.partition(".")[2] for name, feature in slotted.items() if isinstance(feature, Id | Category)}
        columns = dict.fromkeys(name.partition(".")[2] for name in slotted)
        for batch in engine.batches(packing.name, list(columns), _BATCH, sorted(coded)):
            yield batch.num_rows, partial(_encoded, packing, batch)


def _nothing(name: str) -> Ints:
    raise KeyError(name)


def _kept(scratch: Scratch, block: Ints, name: str) -> Ints:
    return scratch.slots(name, block)


def _encoded(packing: Packing, batch: pa.RecordBatch, name: str) -> Ints:
    column = batch.column(name.partition(".")[2])
    return encode_feature(name, packing.slotted[name], packing.fitted[name], column)


def _block(packing: Packing, layout: TableLayout, start: int, rows: int, read: Read, matrix: Ints) -> Ints:
    block: Ints = np.empty((matrix.shape[1], rows), dtype=np.int32)
    for key, numbers in packing.keys.items():
        block[layout.keys[key]] = numbers[start : start + rows]
    offset = layout.codes + len(layout.keys)
    for feature in layout.features:
        if feature.slots:
            encoded = read(feature.name)
            part = block[feature.slots[0] : feature.slots[-1] + 1]
            # Missing (-1) becomes code 0; everything else moves to the feature's codes.
            np.add(encoded, feature.first, out=part)
            part[encoded < 0] = 0
        elif feature.numbers:
            block[offset + feature.numbers[0] : offset + feature.numbers[-1] + 1] = read(feature.name)
    turn(block, matrix[1 + start : 1 + start + rows])
    return block


def _empty_row(packing: Packing, layout: TableLayout) -> Ints:
    row = np.zeros(matrix_shape(layout)[1], dtype=np.int32)
    numbers = row[layout.codes + len(layout.keys) :].view(np.float32)
    for feature in layout.features:
        plan = packing.fitted[feature.name].number if feature.numbers else None
        if plan is not None and plan.missing:
            numbers[feature.numbers[1]] = 1.0
    return row
