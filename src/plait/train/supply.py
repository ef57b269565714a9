"""What each step is given: batches of one or more tables and sampled candidates, on the device."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from plait.data.batches import Batch, gather, hide
from plait.data.columns import Prepared
from plait.data.mix import Turn, mix_of
from plait.data.negatives import Negatives, NegativeSampler
from plait.data.seeds import generator
from plait.data.stream import ahead
from plait.train.settings import Train

__all__ = ["Draw", "Supply"]


@dataclass(frozen=True, slots=True)
class Draw:
    """What one forward pass reads."""

    batches: Sequence[Batch]
    """At most one per table."""
    negatives: Mapping[str, Negatives]
    """For each two-tower task of these tables."""

    @property
    def examples(self) -> int:
        """How many rows it has."""
        return sum(batch.rows.numel() for batch in self.batches)

    def to(self, device: torch.device) -> "Draw":
        """Return the same on a device."""
        if device.type == "cpu":
            return self
        return Draw(
            [batch.to(device) for batch in self.batches], {name: drawn.to(device) for name, drawn in self.negatives.items()}
        )


@final
class Supply:
    """Draw what the steps of a run read; every step is a pure function of seed, epoch and number.

    Args:
        prepared: the prepared recipe.
        settings: batch size, mix, accumulation, negatives, workers.
        draws: independent draws that the balancer wants at once.
        seed: the recipe's seed.
        device: where the draws go.
        part: `train`, `valid` or `test`.

    Attributes:
        steps: steps per epoch.
    """

    def __init__(
        self,
        prepared: Prepared,
        settings: Train.Settings,
        draws: int,
        seed: int,
        device: torch.device,
        part: str = "train",
    ) -> None:
        self._prepared, self._seed = prepared, seed
        self._device = device
        self._workers = settings.workers
        self._mix = mix_of(settings.mix, prepared, settings.batch, seed, part)
        self._draws = draws
        self._together = draws * settings.accumulate
        self._samplers = {
            name: NegativeSampler(prepared, name, settings.negatives, seed)
            for name, task in prepared.layout.tasks.items()
            if task.target is not None and task.table in self._mix.batches
        }
        self.steps = -(-len(self._mix.steps(0)) // self._together)

    def epoch(self, epoch: int, start: int) -> Iterator[list[Draw]]:
        """Yield the draws of each step of an epoch.

        Args:
            epoch: from 0.
            start: the first step wanted.
        """
        plan = self._mix.steps(epoch)
        plan += plan[: -len(plan) % self._draws]  # a last step with too few draws borrows from the first
        numbers = range(start * self._together, len(plan))
        draws = ahead(lambda number: self.draw(epoch, number, plan[number]), numbers, self._workers)
        step: list[Draw] = []
        for number, draw in zip(numbers, draws, strict=True):
            step.append(draw.to(self._device))
            if len(step) == self._together or number == len(plan) - 1:
                yield step
                step = []

    def draw(self, epoch: int, number: int, turns: Sequence[Turn], rows: int | None = None) -> Draw:
        """Gather one draw.

        Args:
            epoch: from 0.
            number: place in the plan of the epoch.
            turns: tables and batch numbers.
            rows: how many rows of each batch; all where not said.
        """
        own = int(torch.randint(1, 1 << 62, (1,), generator=generator(self._seed, "turns", epoch, number)))
        batches = [replace(self._batch(epoch, turn, rows), turn=own) for turn in turns]
        tables = {turn[0] for turn in turns}
        names = [name for name in self._samplers if self._prepared.layout.tasks[name].table in tables]
        return Draw(batches, {name: self._samplers[name].draw(epoch, number) for name in names})

    def _batch(self, epoch: int, turn: Turn, rows: int | None) -> Batch:
        batch = gather(self._prepared, turn[0], self._mix.rows(epoch, turn)[:rows])
        return hide(batch, {name: hidden[:rows] for name, hidden in self._mix.hidden(epoch, turn).items()})

    def sample(self, epoch: int, step: int, rows: int) -> Draw:
        """Return the first rows of a step once more, on the device."""
        plan = self._mix.steps(epoch)
        number = min(step * self._together, len(plan) - 1)
        return self.draw(epoch, number, plan[number], rows).to(self._device)

    def every_table(self, rows: int) -> list[Batch]:
        """Return the first rows of each table in the order of epoch 0, on the device."""
        found: list[Tensor] = []
        batches = []
        for table in self._mix.batches:
            found = [self._mix.rows(0, (table, index)) for index in range(min(len(self._mix.batches[table]), 8))]
            batches.append(gather(self._prepared, table, torch.cat(found)[:rows]).to(self._device))
        return batches
