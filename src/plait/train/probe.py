"""What the tasks do to each other while they are trained, measured on a few rows now and then."""

from __future__ import annotations

from typing import Final, final

from plait.data.columns import Prepared
from plait.explain import Rows, lookahead, task_gradients
from plait.train.fitted import Cosines
from plait.train.job import Job
from plait.train.precision import autocast
from plait.train.supply import Draw, Supply

__all__ = ["Probe"]

_ROWS: Final = 256
_NEGATIVES: Final = 128
_SHARE: Final = 0.05
_MOST: Final = 8
_LEAST: Final = 6


@final
class Probe:
    """Looks at the gradients of all tasks some times per epoch: the angles between them, and what a step for one would do.

    Gradients are taken on training rows, the effect of steps is looked at on validation rows, or on the training rows of
    another step where there is no validation part; up to 256 of each table and 128 sampled candidates, others every time.
    Every draw has rows of every table, whatever the mix of the training. Nothing of the training is touched.

    Args:
        job: the training.
        prepared: its tables.

    Attributes:
        every: steps between two looks; 0 where there are none.
    """

    def __init__(self, job: Job, prepared: Prepared) -> None:
        self._job = job
        count = _times(job) if len(job.model.names) > 1 else 0
        self.every = -(-job.supply.steps // count) if count else 0
        if not count:
            return
        negatives = min(job.settings.negatives, _NEGATIVES)
        changes = {"mix": "joint", "accumulate": 1, "workers": 0, "negatives": negatives}
        settings = job.settings.model_copy(update=changes)
        self._step = Supply(prepared, settings, 1, job.seed, job.device)
        held = any(len(prepared.rows(name, "valid")) for name in job.model.names)
        self._held = Supply(prepared, settings, 1, job.seed, job.device, "valid") if held else None

    def look(self) -> Cosines:
        """Measure after the step that was just done."""
        job, progress = self._job, self._job.progress
        try:
            found = task_gradients(job.model, _rows(self._drawn()), autocast(job.precision, job.device))
            whole, parts = found.cosines()
            lowered = lookahead(job.model, found, _rows(self._other()), job.settings.learning_rate).tolist()
        finally:
            job.model.train()
        rounded = [[float(f"{value:.4g}") for value in row] for row in lowered]
        return Cosines(progress.step, whole, parts, progress.epoch + 1, rounded)

    def _drawn(self) -> Draw:
        """Return training rows as far into the epoch as the training is."""
        progress = self._job.progress
        step = (progress.place - 1) * self._step.steps // self._job.supply.steps
        return self._step.sample(progress.epoch, step, _ROWS)

    def _other(self) -> Draw:
        """Return rows that the step is not taken on."""
        if self._held is not None:
            number = len(self._job.progress.cosines)
            return self._held.sample(number // self._held.steps, number % self._held.steps, _ROWS)
        progress = self._job.progress
        step = progress.place * self._step.steps // self._job.supply.steps % self._step.steps
        return self._step.sample(progress.epoch, step, _ROWS)


def _rows(draw: Draw) -> Rows:
    return draw.batches, draw.negatives


def _times(job: Job) -> int:
    """Return how often per epoch to look: as told, or as often as it hardly costs anything, and six times per training.

    With T tasks a look runs forward once and backward T times, and then forward T + 1 times: as much as 2 + 3 T thirds of a
    step. Its few rows make it cheaper, but never by more than half: with histories most of a step is spent on the rows that
    they lead to, and a few examples lead to nearly as many as a whole batch.
    """
    if job.settings.probes is not None:
        return job.settings.probes
    cost = (2 + 3 * len(job.model.names)) / 3 * max(0.5, min(1.0, _ROWS / job.settings.batch)) / job.settings.accumulate
    least = -(-_LEAST // job.settings.epochs)
    return max(least, min(_MOST, int(_SHARE * job.supply.steps / cost)))
