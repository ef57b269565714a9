"""After the joint phase: tune each task's own part alone, and keep it where it is better."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.balance.base import Balancer
from plait.errors import Stopped
from plait.train.fitted import Fitted
from plait.train.job import Job
from plait.train.optimiser import Optimiser
from plait.train.protocol import Trainable
from plait.train.schedule import factor
from plait.train.signals import Interrupt
from plait.train.step import Step
from plait.train.tally import Tally
from plait.train.watch import EpochRecord, StartRecord, Watch

__all__ = ["finish"]

_RATE: Final = 0.3
"""Of the joint phase's learning rate: what is tuned is trained already."""


@final
class _OwnOnly(Balancer):
    """Give every task its own gradient at its own parameters, and nobody anything at the shared ones."""

    def backward(
        self,
        losses: Float[Tensor, " T"],
        present: Bool[Tensor, " T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, " T"]:
        """Fill `.grad` of what only one task reads; these parts do not overlap, so one pass serves all tasks."""
        tensors = [tensor for part in own for tensor in part]
        if tensors and losses.requires_grad:
            grads = torch.autograd.grad(losses.sum(), tensors, allow_unused=True)
            for tensor, grad in zip(tensors, grads, strict=True):
                if grad is not None:
                    tensor.grad = grad if tensor.grad is None else tensor.grad + grad
        return present.float()


def finish(
    job: Job,
    evaluate: Callable[[Trainable], Mapping[str, float]],
    larger_is_better: Mapping[str, bool],
    fitted: Fitted,
    watch: Watch,
    interrupt: Interrupt,
) -> Fitted:
    """Tune what each task has to itself, with everything that others read frozen, so that no task can hurt another.

    Each task keeps its own best epoch of this phase, or what the joint phase gave it.

    Args:
        job: the run, its model at the best epoch of the joint phase.
        evaluate: computes each task's deciding metric.
        larger_is_better: per task its direction.
        fitted: what the joint phase gave.
        watch: who wants to know.
        interrupt: stops it; what it did is lost, since the joint phase's checkpoint is where it starts.

    Raises:
        Stopped: SIGTERM or Ctrl-C.
    """
    model, settings = job.model, job.settings
    own = model.private_tensors()
    start = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    best: list[list[Tensor] | None] = [None for _ in model.names]
    scores = dict(fitted.scores)
    tuned = settings.model_copy(update={"weight_decay": 0.0})
    balancer = _OwnOnly().to(job.device)
    optimiser = Optimiser(model, [], tuned, only=[tensor for part in own for tensor in part])
    step = Step(model, balancer, optimiser, settings.clip, job.precision, job.device)
    tally = Tally(model.names, job.device)
    total = job.supply.steps * settings.finish_epochs
    parameters = sum(tensor.numel() for part in own for tensor in part)
    watch.started(
        StartRecord(model.names, settings.finish_epochs, total, 0, str(job.device), job.precision, parameters, "finish")
    )
    for epoch in range(settings.finish_epochs):
        model.train()
        for number, draws in enumerate(job.supply.epoch(settings.epochs + epoch, 0)):
            tally.add(step(draws, _RATE * factor(epoch * job.supply.steps + number, total, 0.0, "cosine")))
            if interrupt.caught is not None:
                raise Stopped(
                    f"Training was stopped by {interrupt.caught} while each task was tuned alone. The same command with "
                    "--resume starts this last phase again."
                )
        model.eval()
        found = {task: float(score) for task, score in evaluate(model).items()}
        better = [task for task, score in found.items() if _better(score, scores.get(task), larger_is_better[task])]
        for task in better:
            scores[task] = found[task]
            best[model.names.index(task)] = [tensor.detach().clone() for tensor in own[model.names.index(task)]]
        done = (epoch + 1) * job.supply.steps
        watch.epoch(EpochRecord(epoch + 1, done, tally.epoch_means()[0], found, bool(better), fitted.seconds, "finish"))
    model.load_state_dict(start)
    _put(own, best)
    improved = [name for name, values in zip(model.names, best, strict=True) if values is not None]
    return replace(fitted, scores=scores, finished=improved)


@torch.no_grad()
def _put(own: Sequence[Sequence[Tensor]], best: Sequence[Sequence[Tensor] | None]) -> None:
    """Write back what each task does best with."""
    for part, values in zip(own, best, strict=True):
        for tensor, value in zip(part, values or [], strict=False):
            tensor.copy_(value)


def _better(score: float, before: float | None, larger: bool) -> bool:
    """Say whether a score beats another; what is no number beats nothing."""
    if before is None or score != score or before != before:
        return False
    return score > before if larger else score < before
