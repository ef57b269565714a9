"""Sums over steps, kept on the device until somebody asks."""

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from plait.train.step import Outcome

__all__ = ["Means", "Tally"]

Means = tuple[dict[str, float], dict[str, float]]
"""Mean loss and mean weight per task, of tasks that had a label."""


@final
class Tally:
    """Add up losses, weights and skipped steps.

    Args:
        tasks: their names, in the order of the losses.
        device: where the sums are kept.

    Attributes:
        recent: sums since somebody last asked for `recent_means`.
        epoch: sums since the epoch began.
        skips: steps skipped in all, in a row until now, and the longest row.
        broken: per task the steps in which its loss was not finite.
    """

    def __init__(self, tasks: Sequence[str], device: torch.device) -> None:
        self._tasks = list(tasks)
        self.recent = torch.zeros(3, len(tasks), dtype=torch.float64, device=device)
        self.epoch = torch.zeros_like(self.recent)
        self.skips = torch.zeros(3, dtype=torch.float64, device=device)
        self.broken = torch.zeros(len(tasks), dtype=torch.float64, device=device)

    def add(self, outcome: Outcome) -> None:
        """Count one step; what was skipped counts as skipped only."""
        counted = outcome.present & (outcome.skip == 0)
        values = torch.stack([outcome.losses, outcome.weights, torch.ones_like(outcome.losses)])
        values = torch.where(counted, values, 0.0)
        self.recent += values
        self.epoch += values
        self.broken += ~outcome.losses.isfinite()
        self.skips[0] += outcome.skip
        self.skips[1] = (self.skips[1] + 1) * outcome.skip
        self.skips[2] = torch.maximum(self.skips[2], self.skips[1])

    @property
    def skipped(self) -> int:
        """How many steps were skipped."""
        return int(self.skips[0])

    @property
    def culprits(self) -> dict[str, int]:
        """Tasks whose loss was not finite, and in how many steps."""
        return {task: int(count) for task, count in zip(self._tasks, self.broken.tolist(), strict=True) if count}

    @property
    def longest(self) -> int:
        """How many were skipped in a row at most."""
        return int(self.skips[2])

    def recent_means(self) -> Means:
        """Return the means since the last call."""
        found = self._means(self.recent)
        self.recent.zero_()
        return found

    def epoch_means(self) -> Means:
        """Return the means over the epoch, which then ends."""
        found = self._means(self.epoch)
        self.epoch.zero_()
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Return everything that must survive a restart."""
        return {"recent": self.recent, "epoch": self.epoch, "skips": self.skips, "broken": self.broken}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `state_dict` returned."""
        for name, tensor in self.state_dict().items():
            tensor.copy_(tensors[name])

    def _means(self, sums: Tensor) -> Means:
        losses, weights, counts = sums.tolist()
        there = [number for number, count in enumerate(counts) if count]
        return (
            {self._tasks[number]: losses[number] / counts[number] for number in there},
            {self._tasks[number]: weights[number] / counts[number] for number in there},
        )
