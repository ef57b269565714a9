"""Whose turn it is when tasks live in different tables."""

from abc import ABC, abstractmethod
from typing import Literal, final

import torch
from torch import Tensor

from plait.data.batches import Batches
from plait.data.columns import Prepared
from plait.data.seeds import generator
from plait.errors import DataError

__all__ = ["Alternate", "Joint", "Mix", "Proportional", "Turn", "mix_of"]

Turn = tuple[str, int]
"""A table and the number of its batch in this epoch."""


class Mix(ABC):
    """The order of steps of an epoch.

    Attributes:
        batches: the batches of each table that has training rows, in the order of the tables.
    """

    batches: dict[str, Batches]

    def __init__(self, prepared: Prepared, size: int, seed: int, part: str = "train") -> None:
        """Take turns over the tables that have tasks.

        Args:
            prepared: the prepared recipe.
            size: rows per batch.
            seed: the recipe's seed.
            part: `train`, `valid` or `test`.

        Raises:
            DataError: if no task has an observed label in this part.
        """
        self._prepared = prepared
        self._seed = seed
        self._part = part
        every = {name: self._of(name, size) for name in dict.fromkeys(t.table for t in prepared.layout.tasks.values())}
        self.batches = {name: batches for name, batches in every.items() if batches.examples}
        if not self.batches:
            raise DataError(
                f"Tasks {list(prepared.layout.tasks)} should have observed labels in the {part} part, for there is nothing"
                " else to learn from. Found 0 rows. Check `label`, `where` and `split` with `plait check`."
            )

    def _of(self, table: str, size: int) -> Batches:
        tasks = [name for name, task in self._prepared.layout.tasks.items() if task.table == table]
        return Batches(self._prepared, table, tasks, self._part, size, self._seed)

    @abstractmethod
    def steps(self, epoch: int) -> list[list[Turn]]:
        """Return the steps of an epoch in order; each draws from one or more tables."""

    def rows(self, epoch: int, turn: Turn) -> Tensor:
        """Return the row numbers of a turn."""
        return self.batches[turn[0]].rows(epoch, turn[1])

    def hidden(self, epoch: int, turn: Turn) -> dict[str, Tensor]:
        """Return for each task of a turn's table which of its labels do not count, where classes are resampled."""
        return self.batches[turn[0]].hidden(epoch, turn[1])

    @property
    def examples(self) -> int:
        """How many different rows there are over all tables."""
        return sum(batches.examples for batches in self.batches.values())


@final
class Joint(Mix):
    """Every step draws from every table, in batches as unequal as the tables, so that each takes one pass per epoch.

    The gradients of all tasks meet in every step, which is what balancing methods compare. The default.
    """

    def __init__(self, prepared: Prepared, size: int, seed: int, part: str = "train") -> None:
        super().__init__(prepared, size, seed, part)
        most = max(len(batches) for batches in self.batches.values())
        for name, batches in self.batches.items():
            if len(batches) < most:
                self.batches[name] = self._of(name, -(-batches.examples // most))

    def steps(self, epoch: int) -> list[list[Turn]]:
        """Return as many steps as the largest table has batches; a table with fewer is spread over them evenly."""
        most = max(len(batches) for batches in self.batches.values())
        steps: list[list[Turn]] = [[] for _ in range(most)]
        for name, batches in self.batches.items():
            for index in range(len(batches)):
                steps[index * most // len(batches)].append((name, index))
        return steps


@final
class Alternate(Mix):
    """Tables take turns, one per step, each as often as the largest needs; a smaller one starts again in a new order."""

    def steps(self, epoch: int) -> list[list[Turn]]:
        """Return one step per turn: as many as tables times the batches of the largest."""
        most = max(len(batches) for batches in self.batches.values())
        return [[(name, index)] for index in range(most) for name in self.batches]


@final
class Proportional(Mix):
    """One table per step, drawn so that each takes one pass per epoch: large tables come up more often."""

    def steps(self, epoch: int) -> list[list[Turn]]:
        """Return every batch of every table once, the turns of the tables shuffled by seed and epoch."""
        turns = [(name, index) for name, batches in self.batches.items() for index in range(len(batches))]
        order = torch.randperm(len(turns), generator=generator(self._seed, "mix", epoch)).tolist()
        left = {name: iter(range(len(batches))) for name, batches in self.batches.items()}
        return [[(turns[place][0], next(left[turns[place][0]]))] for place in order]


def mix_of(
    kind: Literal["joint", "alternate", "proportional"], prepared: Prepared, size: int, seed: int, part: str = "train"
) -> Mix:
    """Build the mix of a recipe's `train.mix`."""
    classes: dict[str, type[Mix]] = {"joint": Joint, "alternate": Alternate, "proportional": Proportional}
    return classes[kind](prepared, size, seed, part)
