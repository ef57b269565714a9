"""Training as TensorBoard shows it. TensorBoard is imported when the first record is written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, final

from plait.train.fitted import Fitted
from plait.train.watch import EpochRecord, StartRecord, StepRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["TensorBoard"]


@final
class TensorBoard:
    """Writes scalars under `loss/`, `weight/`, `metric/` and `training/` to a folder.

    Args:
        folder: `tensorboard/` of a run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._phase = ""

    def started(self, record: StartRecord) -> None:
        """Open the file; what an interrupted run wrote about steps that come again is hidden."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        self._phase = "" if record.phase == "joint" else "alone/"
        again = record.step + 1 if record.step else None
        self._writer = SummaryWriter(str(self._folder), purge_step=again)

    def step(self, record: StepRecord) -> None:
        """Write losses, weights and the rate."""
        self._write(record.step, {f"loss/{task}": loss for task, loss in record.losses.items()})
        self._write(record.step, {f"weight/{task}": weight for task, weight in record.weights.items()})
        rate = record.examples / record.seconds if record.seconds else 0.0
        self._write(record.step, {"training/examples_per_second": rate, "training/skipped": record.skipped})

    def epoch(self, record: EpochRecord) -> None:
        """Write the deciding metrics."""
        self._write(record.step, {f"{self._phase}metric/{task}": score for task, score in record.scores.items()})

    def note(self, text: str) -> None:
        """Leave it to others: a board has no place for sentences."""

    def finished(self, fitted: Fitted) -> None:
        """Write the angles between gradients."""
        for found in fitted.cosines:
            for row, one in enumerate(fitted.tasks):
                for column, other in enumerate(fitted.tasks[:row]):
                    cosine = found.between[row][column]
                    if math.isfinite(cosine):
                        self._write(found.step, {f"cosine/{other} {one}": cosine})

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, step: int, values: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
