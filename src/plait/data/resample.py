"""Which rows of a table come up in an epoch: some classes less often than they are, some more often, some without label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from plait.data.columns import PARTS, Prepared
from plait.data.seeds import generator

__all__ = ["Drawn", "Resample"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The labels of one pass over a table."""

    rows: Int[Tensor, " N"]
    """Row numbers that come up: each row with a label left once, then rows without a label, then rows that come up again."""
    owner: Int[Tensor, " N"]
    """Number of the task for which a row comes up again, -1 where it comes up for all."""
    left_out: dict[int, Bool[Tensor, " rows"]]
    """Number of a task -> whether its label of a row is left out of this pass."""

    def hidden(self, tasks: Sequence[str], places: Int[Tensor, " B"]) -> dict[str, Bool[Tensor, " B"]]:
        """Say for each task which labels do not count.

        Args:
            tasks: the tasks of the table by number.
            places: places among `rows`.
        """
        owner, rows = self.owner[places], self.rows[places]
        found = {}
        for number, name in enumerate(tasks):
            hidden = (owner >= 0) & (owner != number)
            if number in self.left_out:
                hidden |= (owner < 0) & self.left_out[number][rows]
            found[name] = hidden
        return found


@final
class Resample:
    """Draw the labels of each pass: a pure function of seed, epoch and pass.

    A class that is to come up t times, t < 1, has all but a random share t of its labels left out, other ones in each
    pass: the rows stay where another task has a label. One with t > 1 has floor(t) copies of its rows and a random share
    of one more; only the task itself sees its labels on the copies. So no other task's labels change, neither in number
    nor in weight.

    For tasks that learn from rows without a label, some that have none of any task come up too, other ones in each pass.

    Args:
        prepared: the prepared recipe; `prepared.resample` says how often.
        table: whose rows.
        tasks: tasks of the table.
        rows: row numbers with a label of any of them, ascending.
        part: `train`, `valid` or `test`; only training is resampled.
        seed: the recipe's seed.
    """

    def __init__(self, prepared: Prepared, table: str, tasks: Sequence[str], rows: Int[Tensor, " N"], part: str, seed: int):
        self.tasks = list(tasks)
        self._rows, self._seed, self._table = rows, seed, table
        columns = prepared.tables[table]
        self._size = columns.matrix.shape[0]
        self._observed: dict[int, Tensor] = {}
        self._classes: dict[int, list[tuple[float, Tensor]]] = {}
        for number, name in enumerate(self.tasks):
            mine = prepared.rows(name, part)
            self._observed[number] = torch.zeros(self._size, dtype=torch.bool).index_fill_(0, mine, True)
            times = prepared.resample.get(name, ()) if part == "train" else ()
            label = columns.labels[name][mine, 0]
            found = [(count, mine[label == place]) for place, count in enumerate(times) if count != 1]
            if found:
                self._classes[number] = found
        self._free, self._wanted = _free(prepared, table, self.tasks, rows, part)

    def __bool__(self) -> bool:
        """Say whether passes differ in their rows or labels."""
        return bool(self._classes) or self._wanted > 0

    def draw(self, epoch: int, again: int, whole: bool) -> Drawn:
        """Draw the labels of a pass.

        Args:
            epoch: from 0.
            again: which pass of the epoch.
            whole: keep rows on which no label is left, because lists must stay whole.
        """
        left_out: dict[int, Tensor] = {}
        copies, owners = [torch.empty(0, dtype=torch.int64)], [torch.empty(0, dtype=torch.int64)]
        for number, classes in self._classes.items():
            draw = generator(self._seed, "resample", self._table, self.tasks[number], epoch, again)
            for times, rows in classes:
                some = rows[torch.randperm(len(rows), generator=draw)[: max(round(times % 1 * len(rows)), int(times < 1))]]
                if times < 1:
                    mask = left_out.setdefault(number, torch.zeros(self._size, dtype=torch.bool))
                    mask[rows] = True
                    mask[some] = False
                    continue
                more = torch.cat([rows.repeat(int(times) - 1), some])
                copies.append(more)
                owners.append(torch.full_like(more, number))
        rows = self._rows
        if left_out and not whole:
            left = [seen & ~left_out[number] if number in left_out else seen for number, seen in self._observed.items()]
            rows = rows[torch.stack(left).any(dim=0)[rows]]
        if self._wanted:
            draw = generator(self._seed, "unlabelled", self._table, epoch, again)
            rows = torch.cat([rows, self._free[torch.randperm(len(self._free), generator=draw)[: self._wanted]]])
        owner = torch.cat([torch.full_like(rows, -1), *owners])
        return Drawn(torch.cat([rows, *copies]), owner, left_out)


def _free(
    prepared: Prepared, table: str, tasks: Sequence[str], rows: Int[Tensor, " N"], part: str
) -> tuple[Int[Tensor, " free"], int]:
    """Return the rows of the training part without a label of any of the tasks, and how many of them come up in a pass."""
    asked = {name: ratio for name in tasks if (ratio := prepared.unlabelled.get(name, 0.0)) > 0}
    if part != "train" or not asked:
        return rows[:0], 0
    free = prepared.tables[table].part == PARTS["train"]
    free[rows] = False
    found = free.nonzero().flatten()
    wanted = max(round(ratio * len(prepared.rows(name, part))) for name, ratio in asked.items())
    return found, min(wanted, len(found))
