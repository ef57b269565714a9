"""Which rows make up which batch: shuffled, a pure function of seed, epoch and number, and therefore resumable anywhere."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.gather import Batch, Block, Past, block, gather
from plait.data.seeds import generator

__all__ = ["Batch", "Batches", "Block", "Past", "block", "gather"]


@final
class Batches:
    """The batches of one table.

    Batch `index` of an epoch holds rows `index * size …` of that epoch's permutation, so any batch can be drawn without
    those before it. The last batch of an epoch may be of one row. Numbers past the end of the epoch start another pass with
    its own permutation, for mixes in which a small table has several turns.

    Where a task of the table ranks lists, lists stay whole: the epoch's permutation is one of lists, cut into as many
    batches as `size` asks for, whose sizes then vary.

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
        self._lists = _lists(prepared, table, tasks, self._rows)
        self._drawn: tuple[tuple[int, int], Tensor, Tensor] | None = None

    @property
    def examples(self) -> int:
        """How many rows one pass visits."""
        return self._rows.numel()

    def __len__(self) -> int:
        wanted = -(-self.examples // self.size)
        return wanted if self._lists is None else min(wanted, self._lists.numel() - 1)

    def rows(self, epoch: int, index: int) -> Int[Tensor, " B"]:
        """Return the row numbers of one batch.

        Args:
            epoch: which permutation.
            index: which batch of it; `len(self)` and more are those of further passes in the same epoch.
        """
        again, index = divmod(index, len(self))
        order, cuts = self._pass(epoch, again)
        return order[int(cuts[index]) : int(cuts[index + 1])]

    def _pass(self, epoch: int, again: int) -> tuple[Tensor, Tensor]:
        """Return the rows of one pass in their order, and where each batch starts; the newest pass is kept."""
        drawn = self._drawn
        if drawn is None or drawn[0] != (epoch, again):
            draw = generator(self._seed, "batches", self.table, epoch, again)
            order, cuts = self._shuffle(draw)
            drawn = ((epoch, again), order, cuts)
            self._drawn = drawn
        return drawn[1], drawn[2]

    def _shuffle(self, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        if self._lists is None:
            order = self._rows[torch.randperm(self.examples, generator=draw)]
            return order, torch.arange(len(self) + 1).mul_(self.size).clamp_(max=self.examples)
        turns = torch.randperm(self._lists.numel() - 1, generator=draw)
        starts, lengths = self._lists[:-1][turns], self._lists.diff()[turns]
        ends = lengths.cumsum(0)
        offsets = torch.arange(self.examples) - torch.repeat_interleave(ends - lengths, lengths)
        order = self._rows[torch.repeat_interleave(starts, lengths) + offsets]
        marks = torch.arange(len(self) + 1) * turns.numel() // len(self)
        return order, torch.cat([ends.new_zeros(1), ends])[marks]


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
