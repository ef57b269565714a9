"""Which rows make up which batch: shuffled, a pure function of seed, epoch and number, and therefore resumable anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.gather import Around, Batch, Block, Past, block, gather, hide
from plait.data.resample import Drawn, Resample
from plait.data.seeds import generator

__all__ = ["Around", "Batch", "Batches", "Block", "Past", "block", "gather", "hide"]


@final
class Batches:
    """The batches of one table.

    Batch `index` of an epoch holds rows `index * size …` of that epoch's permutation, so any batch can be drawn without
    those before it. The last batch of an epoch may be of one row. Numbers past the end of the epoch start another pass with
    its own permutation, for mixes in which a small table has several turns.

    Where a task of the table ranks lists, lists stay whole: the epoch's permutation is one of lists, cut into as many
    batches as `size` asks for, whose sizes then vary.

    Where a task of the table resamples its classes, each pass has the rows that `Resample` draws for it, in as many
    batches as the first pass, and `hidden` says which labels do not count.

    Args:
        prepared: the prepared recipe.
        table: whose rows.
        tasks: tasks of the table; a row counts when at least one of them is observed.
        part: `train`, `valid` or `test`.
        size: rows per batch.
        seed: the recipe's seed.
    """

    def __init__(self, prepared: Prepared, table: str, tasks: Sequence[str], part: str, size: int, seed: int) -> None:
        self.table = table
        self.size = max(size, 1)
        self._seed = seed
        self._rows = _observed(prepared, table, tasks, part)
        self._resample = Resample(prepared, table, tasks, self._rows, part, seed)
        self._lists = _lists(prepared, table, tasks, self._rows)
        first = self._resample.draw(0, 0, self._lists is not None) if self._resample else None
        self._examples = self._rows.numel() if first is None else first.rows.numel()
        self._drawn: _Pass | None = None

    @property
    def examples(self) -> int:
        """How many rows one pass visits; the first one, where classes are resampled."""
        return self._examples

    def __len__(self) -> int:
        wanted = -(-self.examples // self.size)
        return wanted if self._lists is None else min(wanted, self._lists.numel() - 1)

    def rows(self, epoch: int, index: int) -> Int[Tensor, " B"]:
        """Return the row numbers of one batch.

        Args:
            epoch: which permutation.
            index: which batch of it; `len(self)` and more are those of further passes in the same epoch.
        """
        found, places = self._places(epoch, index)
        rows = self._rows if found.drawn is None else found.drawn.rows
        return rows[places]

    def hidden(self, epoch: int, index: int) -> dict[str, Bool[Tensor, " B"]]:
        """Return for each task of the table which labels of one batch do not count; nothing where none is resampled."""
        found, places = self._places(epoch, index)
        return {} if found.drawn is None else found.drawn.hidden(self._resample.tasks, places)

    def _places(self, epoch: int, index: int) -> tuple["_Pass", Tensor]:
        """Return the pass of a batch, and its places among the rows of the pass; the newest pass is kept."""
        again, index = divmod(index, len(self))
        found = self._drawn
        if found is None or found.number != (epoch, again):
            found = self._shuffle(epoch, again)
            self._drawn = found
        return found, found.order[int(found.cuts[index]) : int(found.cuts[index + 1])]

    def _shuffle(self, epoch: int, again: int) -> "_Pass":
        draw = generator(self._seed, "batches", self.table, epoch, again)
        drawn = self._resample.draw(epoch, again, self._lists is not None) if self._resample else None
        size = self._rows.numel() if drawn is None else drawn.rows.numel()
        if self._lists is None:
            order = torch.randperm(size, generator=draw)
            ends = torch.arange(len(self) + 1)
            cuts = ends * self.size if drawn is None else ends * size // len(self)
            return _Pass((epoch, again), order, cuts.clamp_(max=size), drawn)
        # Rows that come up again belong to no list: each is a list of one.
        lists = torch.cat([self._lists, torch.arange(int(self._lists[-1]) + 1, size + 1)])
        turns = torch.randperm(lists.numel() - 1, generator=draw)
        starts, lengths = lists[:-1][turns], lists.diff()[turns]
        ends = lengths.cumsum(0)
        offsets = torch.arange(size) - torch.repeat_interleave(ends - lengths, lengths)
        marks = torch.arange(len(self) + 1) * turns.numel() // len(self)
        order = torch.repeat_interleave(starts, lengths) + offsets
        return _Pass((epoch, again), order, torch.cat([ends.new_zeros(1), ends])[marks], drawn)


@dataclass(frozen=True, slots=True)
class _Pass:
    """One pass over the rows: their order, where each batch starts, and what is resampled."""

    number: tuple[int, int]
    order: Int[Tensor, " N"]
    cuts: Int[Tensor, " batches"]
    drawn: Drawn | None


def _observed(prepared: Prepared, table: str, tasks: Sequence[str], part: str) -> Int[Tensor, " N"]:
    """Return the rows of a part on which at least one of the tasks is observed, ascending."""
    mask = torch.zeros(prepared.tables[table].matrix.shape[0], dtype=torch.bool)
    for task in tasks:
        mask[prepared.rows(task, part)] = True
    return mask.nonzero().flatten()


def _lists(prepared: Prepared, table: str, tasks: Sequence[str], rows: Tensor) -> Tensor | None:
    """Sort `rows` by the list they belong to, in place, and return where each list starts; None where nothing is ranked.

    With several ranking tasks the first one's lists stay whole. Rows without a list are lists of one.
    """
    layout = prepared.layout
    keys = [layout.tasks[name].group_key for name in tasks if layout.tasks[name].kind == "ranking"]
    key = next((key for key in keys if key is not None), None)
    if key is None or rows.numel() == 0:
        return None
    columns = prepared.tables[table]
    lists = columns.matrix[:, columns.layout.keys[key]].index_select(0, rows).long()
    lists, order = torch.where(lists > 0, lists, -rows).sort(stable=True)
    rows.copy_(rows[order])
    counts = torch.unique_consecutive(lists, return_counts=True)[1]
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])
