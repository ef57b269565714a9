"""The loop: epochs of steps, an evaluation after each, the best epoch restored. Stops and goes on anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import torch
from torch import Tensor

from plait.balance.base import Balancer
from plait.data.columns import Prepared
from plait.errors import DivergedError, RunError, Stopped
from plait.train.checkpoint import Checkpoints
from plait.train.finish import finish
from plait.train.fitted import Fitted
from plait.train.job import Job
from plait.train.judge import Judge
from plait.train.memory import kept_memory
from plait.train.precision import choose_device, fast_products
from plait.train.probe import Probe
from plait.train.protocol import Trainable
from plait.train.settings import Train
from plait.train.signals import Interrupt
from plait.train.watch import EpochRecord, Silent, StartRecord, StepRecord, Watch

__all__ = ["Goal", "fit"]

_STEPS_BETWEEN_RECORDS: Final = 10
_GATE_ROWS: Final = 4096


@final
@dataclass(frozen=True, slots=True)
class Goal:
    """What training is for.

    Attributes:
        evaluate: computes each task's deciding metric on the validation part, with the model in evaluation mode on the
            device of its parameters; tasks that cannot be evaluated are left out.
        larger_is_better: per task the direction of that metric.
    """

    evaluate: Callable[[Trainable], Mapping[str, float]]
    larger_is_better: Mapping[str, bool]


def fit(  # noqa: PLR0913  # each is a part that the caller builds; a bundle of them would have no other use
    model: Trainable,
    prepared: Prepared,
    balancer: Balancer,
    settings: Train.Settings,
    *,
    goal: Goal,
    seed: int,
    out: Path | None = None,
    resume: bool = False,
    watch: Watch | None = None,
) -> Fitted:
    """Train a model and leave it, on the CPU and in evaluation mode, with the weights of its best epoch.

    What happens is a function of the model's weights, the prepared tables, the settings and the seed; torch's global random
    state, number of threads and precision of products are as before afterwards.

    Args:
        model: what is trained.
        prepared: what it is trained on.
        balancer: turns losses into gradients.
        settings: how.
        goal: how it is judged.
        seed: the recipe's seed: the order of rows, dropout, sampled candidates.
        out: the run's folder, for checkpoints in `checkpoints/`; none are written where None.
        resume: go on from the newest checkpoint of `out`, if there is one.
        watch: who wants to know.

    Raises:
        DivergedError: losses or gradients were not finite for `max_skips` steps in a row.
        Stopped: SIGTERM or Ctrl-C; a checkpoint was written.
        RunError: `out` holds checkpoints and `resume` is not set, or they are of another recipe.
        CorruptError: no checkpoint is whole.
        DataError: no task has an observed label in the training part.
    """
    device = choose_device(settings.device)
    watch = watch or Silent()
    with ExitStack() as stack:
        stack.enter_context(closing(watch))
        stack.enter_context(fast_products(device))
        stack.enter_context(kept_memory())
        stack.enter_context(_threads(settings.threads))
        stack.enter_context(torch.random.fork_rng([device] if device.type == "cuda" else []))
        interrupt = stack.enter_context(Interrupt())
        torch.manual_seed(seed)
        model.to(device)
        balancer.to(device)
        judge = Judge(goal.larger_is_better, settings.patience)
        job = Job(model, prepared, balancer, settings, judge, seed, device)
        checkpoints = None if out is None else Checkpoints(out / "checkpoints")
        loop = _Loop(job, Probe(job, prepared), goal, interrupt, watch, checkpoints)
        loop.take_up(resume)
        fitted = loop.run()
        if settings.finish == "per_task":
            fitted = finish(job, goal.evaluate, goal.larger_is_better, fitted, watch, interrupt)
        model.to(torch.device("cpu")).eval()
        watch.finished(fitted)
    return fitted


@final
class _Loop:
    """Drives a job, tells watchers, keeps checkpoints."""

    def __init__(
        self, job: Job, probe: Probe, goal: Goal, interrupt: Interrupt, watch: Watch, checkpoints: Checkpoints | None
    ) -> None:
        self._job, self._probe, self._goal, self._interrupt, self._watch = job, probe, goal, interrupt, watch
        self._checkpoints = checkpoints

    def take_up(self, resume: bool) -> None:
        """Start where the newest checkpoint ends, if that is wanted."""
        store, job = self._checkpoints, self._job
        if store is not None and store.exists():
            if not resume:
                raise RunError(
                    f"`{store.folder}` should be empty when training starts. Found checkpoints of an earlier training. "
                    "Go on with --resume, or choose another --out."
                )
            kept, damaged = store.load()
            for problem in damaged:
                self._watch.note(f"{problem} Going on from the checkpoint before it.")
            job.restore(kept)
        parameters = sum(tensor.numel() for tensor in job.model.state_dict().values())
        self._watch.started(
            StartRecord(
                tasks=job.model.names,
                epochs=job.settings.epochs,
                steps=job.steps,
                step=job.progress.step,
                device=str(job.device),
                precision=job.precision,
                parameters=parameters,
            )
        )

    def run(self) -> Fitted:
        """Train to the end and restore the best epoch."""
        job = self._job
        job.model.train()
        while not job.progress.done:
            self._epoch()
            self._evaluate()
        job.model.load_state_dict(job.best)
        job.model.eval()
        progress = job.progress
        return Fitted(
            tasks=job.model.names,
            epochs=progress.epoch,
            best_epoch=progress.best_epoch,
            steps=progress.step,
            examples=progress.examples,
            seconds=progress.seconds,
            skipped=job.tally.skipped,
            device=str(job.device),
            precision=job.precision,
            curves=progress.curves,
            scores=progress.scores,
            cosines=progress.cosines,
            gates=_gates(job),
            trained=_trained(job.model),
        )

    def _epoch(self) -> None:
        """Do the rest of an epoch's steps."""
        job = self._job
        since = time.perf_counter()
        for draws in job.supply.epoch(job.progress.epoch, job.progress.place):
            job.advance(draws, since)
            self._look()
            since = time.perf_counter()
        if job.device.type == "cuda":
            torch.cuda.synchronize(job.device)
        job.progress.seconds += time.perf_counter() - since

    def _look(self) -> None:
        """See to everything that is not the step itself."""
        job, step = self._job, self._job.progress.step
        recording = step % _STEPS_BETWEEN_RECORDS == 0
        if (recording or job.device.type == "cpu") and job.tally.longest >= job.settings.max_skips:
            raise DivergedError(self._diverged())
        if self._probe.every and job.progress.place % self._probe.every == 0:
            job.progress.cosines.append(self._probe.look())
        if recording:
            losses, weights = job.tally.recent_means()
            progress = job.progress
            self._watch.step(
                StepRecord(
                    step, progress.epoch, losses, weights, progress.examples, round(progress.seconds, 3), job.tally.skipped
                )
            )
        if self._interrupt.caught is not None:
            self._stop()
        if job.settings.checkpoint_every and step % job.settings.checkpoint_every == 0:
            self._keep()

    def _evaluate(self) -> None:
        """Judge the epoch, remember it, and decide whether it was the last."""
        job, progress = self._job, self._job.progress
        losses, weights = job.tally.epoch_means()
        job.model.eval()
        with torch.random.fork_rng([job.device] if job.device.type == "cuda" else []):
            scores = {task: float(score) for task, score in self._goal.evaluate(job.model).items()}
        job.model.train()
        job.balancer.after_epoch(_in_order(job, losses), _in_order(job, job.judge.signed(scores)))
        verdict = job.judge.see(scores)
        progress.epoch, progress.place = progress.epoch + 1, 0
        progress.done = verdict.stop or progress.epoch >= job.settings.epochs
        for task, curve in progress.curves.items():
            curve.losses.append(losses.get(task, float("nan")))
            curve.weights.append(weights.get(task, 0.0))
            curve.scores.append(scores.get(task, float("nan")))
        if verdict.best:
            progress.best_epoch, progress.scores = progress.epoch, scores
            job.snapshot()
        self._keep()
        probes = [found for found in progress.cosines if found.epoch == progress.epoch]
        record = EpochRecord(
            progress.epoch, progress.step, losses, scores, verdict.best, round(progress.seconds, 3), probes=probes
        )
        self._watch.epoch(record)
        if self._interrupt.caught is not None and not progress.done:
            self._stop()

    def _keep(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.write(self._job.progress.step, self._job.checkpoint())

    def _stop(self) -> None:
        self._keep()
        job = self._job
        kept = "Nothing was kept, since there is no --out."
        if self._checkpoints is not None:
            kept = f"A checkpoint is in `{self._checkpoints.folder}`; the same command with --resume goes on from there."
        raise Stopped(
            f"Training was stopped by {self._interrupt.caught} after step {job.progress.step} of {job.steps}. {kept}"
        )

    def _diverged(self) -> str:
        job = self._job
        culprits = job.tally.culprits
        found = ", ".join(f"the loss of `{task}` in {count} steps" for task, count in culprits.items()) or "gradients only"
        kept = ""
        if self._checkpoints is not None and self._checkpoints.exists():
            kept = f" The last good checkpoint is in `{self._checkpoints.folder}`."
        return (
            "Losses and gradients should be finite numbers, or the weights would be lost. Found "
            f"{job.tally.longest} steps in a row that were not, at step {job.progress.step} of {job.steps} ({found}); they "
            f"were skipped. Look for extreme values with `plait check`, or lower `train.learning_rate`.{kept}"
        )


def _in_order(job: Job, values: Mapping[str, float]) -> Tensor:
    """Lay one number per task out in the order of the losses, NaN for those left out."""
    return torch.tensor([values.get(name, float("nan")) for name in job.model.names], device=job.device)


def _trained(model: Trainable) -> int:
    """Count the numbers that training changes."""
    found = {id(p): p for p in [*model.shared_tensors(), *(p for own in model.own_tensors() for p in own)]}
    return sum(p.numel() for p in found.values() if p.requires_grad)


def _gates(job: Job) -> dict[str, dict[str, list[float]]]:
    """Ask how much each task leans on each expert, over rows of every table."""
    found: dict[str, dict[str, list[float]]] = {}
    with torch.no_grad():
        for batch in job.supply.every_table(_GATE_ROWS):
            for level, use in job.model.gates(batch).items():
                found.setdefault(level, {}).update({task: gate.float().tolist() for task, gate in use.items()})
    return found


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Use that many threads inside one operation."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
