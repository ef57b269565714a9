"""Prepared tables as tensors: what `prepare` returns and everything after it reads.

Every table is one int32 matrix whose row 0 stands for "no such row" (see `plait.layout`), so gathering by row number always
works and nothing is joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import torch
from torch import Tensor

from plait.data.graph import Edges
from plait.data.rules.ruled import Ruled
from plait.data.text.words import Words
from plait.errors import RecipeError, nearest
from plait.layout import Layout, TableLayout

if TYPE_CHECKING:
    import pyarrow as pa

    from plait.data.plan import Plan

__all__ = ["PARTS", "Columns", "Events", "Prepared"]

PARTS: Final[dict[str, int]] = {"train": 1, "valid": 2, "test": 3}
"""The parts of the split and how `Columns.part` writes them; 0 is a row of no part."""


@final
@dataclass(frozen=True, slots=True)
class Columns:
    """One prepared table, in memory or memory-mapped."""

    layout: TableLayout
    matrix: Tensor
    """int32 [rows + 1, codes + keys + numbers]; numbers are float32 bits."""
    vectors: dict[str, Tensor]
    """Feature of kind text, image, audio or embedding -> float16 [rows + 1, dim]."""
    labels: dict[str, Tensor]
    """Task -> float32 [rows + 1, label slots]; NaN in slot 0 means not observed."""
    weights: dict[str, Tensor]
    """Task -> float32 [rows + 1], for tasks with a `sample_weight`."""
    part: Tensor
    """uint8 [rows + 1]: 0 none, 1 train, 2 valid, 3 test."""
    times: Tensor | None = None
    """int64 [rows + 1]: when each of foreign rows happened, where they say so; their histories end before it."""
    words: Mapping[str, Words] = field(default_factory=dict)
    """Feature of kind text whose tokens are kept -> its texts; such a feature has no vectors here."""
    relations: Mapping[str, Tensor] = field(default_factory=dict)
    """Graph feature that reads these rows as facts -> int32 [rows + 1]: the number of each row's kind of fact."""
    rules: Mapping[str, Ruled] = field(default_factory=dict)
    """Rule about a task of these rows -> what it forbids each of them."""
    questions: Mapping[str, Tensor] = field(default_factory=dict)
    """Retrieval task that is `filtered` -> int64 [rows + 1]: which question each row asks, 0 for none."""
    known: Tensor | None = None
    """int64 [rows + 1]: which row of the prepared table each of foreign rows is, by its id; 0 where none."""


@final
@dataclass(frozen=True, slots=True)
class Events:
    """One prepared history feature: the events of every owner, and where each example's look back starts and ends."""

    items: Tensor
    """int32 [events]: row numbers of the items, sorted by owner, then by time."""
    spans: dict[str, Tensor]
    """Example table -> int32 [rows + 1, 2]: start and end among `items`, strictly before the example's time, newest `last`.
    For an example table without a time only events of the training part count."""
    now: Tensor
    """int32 [owner rows + 1, 2]: the newest `last` events of each owner, for serving."""
    last: int
    times: Tensor
    """int64: when each of the events of `owned` happened."""
    owned: Tensor
    """int64 [owner rows + 1, 2]: start and end of all events of each owner, for examples from outside."""


@final
@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared schema: layout, tables, histories and the frozen plan that made them."""

    folder: Path
    layout: Layout
    tables: dict[str, Columns]
    histories: dict[str, Events]
    plan: Plan
    resample: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Task -> how often labels of each class (of a binary one, 0 and 1) come up in an epoch of training, from the recipe."""
    unlabelled: Mapping[str, float] = field(default_factory=dict)
    """Task -> how many training rows without a label of any task come up in an epoch for each that has one of this task."""
    rule_kinds: Mapping[str, Tensor] = field(default_factory=dict)
    """Rule about a retrieval task -> int32 [rows of the target table + 1]: what kind of candidate each row is to it."""
    graphs: Mapping[str, Edges] = field(default_factory=dict)
    """Feature of kind graph -> the facts of every row."""
    _outside: dict[str, pa.Table] = field(default_factory=dict, repr=False, compare=False)
    _pictures: dict[str, pa.ChunkedArray | None] = field(default_factory=dict, repr=False, compare=False)

    def rows(self, task: str, part: str) -> Tensor:
        """Return the row numbers of a part that have an observed label.

        Args:
            task: name of the task.
            part: `train`, `valid` or `test`.

        Returns:
            int64 row numbers of the task's table, ascending.

        Raises:
            RecipeError: if the task or the part does not exist.
        """
        if task not in self.layout.tasks:
            known = list(self.layout.tasks)
            raise RecipeError(f"`{task}` is no task of this recipe; there are {known}.{nearest(task, known)}")
        if part not in PARTS:
            raise RecipeError(f"A part of the split is one of {list(PARTS)}. Found `{part}`.{nearest(part, list(PARTS))}")
        columns = self.tables[self.layout.tasks[task].table]
        seen = (columns.part == PARTS[part]) & ~torch.isnan(columns.labels[task][:, 0])
        return torch.nonzero(seen)[:, 0]

    def picture(self, table: str, row: int) -> bytes | None:
        """Return the small picture of a row, as JPEG; None where there is none.

        Raises:
            CorruptError: if the kept file is damaged.
        """
        from plait.data.media.thumbnails import read_thumbnails

        if table not in self._pictures:
            self._pictures[table] = read_thumbnails(self.folder, table)
        kept = self._pictures[table]
        found: bytes | None = None if kept is None or not 0 < row <= len(kept) else kept[row - 1].as_py()
        return found

    def every(self, table: str) -> pa.Table:
        """Return the outside values of all rows of a table that has an `id`, from row 1; see `raw`."""
        return self._raw(table)

    def raw(self, table: str, rows: Tensor) -> pa.Table:
        """Return the outside values (id, title, …) of rows of a table that has an `id`.

        Args:
            table: name of the table.
            rows: row numbers; 0 gives a row of nulls.

        Returns:
            One row per row number, in order, with the source's small columns.

        Raises:
            RecipeError: if the table has no `id`, so that its outside values were not kept.
            CorruptError: if the kept file is damaged.
        """
        from plait.data.store import take_rows

        return take_rows(self._raw(table), rows)

    def _raw(self, table: str) -> pa.Table:
        from plait.data.store import read_raw

        if table not in self._outside:
            self._outside[table] = read_raw(self.folder, table)
        return self._outside[table]
