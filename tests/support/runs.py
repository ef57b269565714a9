"""Short trainings and what they leave, for tests."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from plait.balance.base import Balancer
from plait.data.columns import Prepared
from plait.train.checkpoint import Checkpoints
from plait.train.fitted import Fitted
from plait.train.loop import Goal, fit
from plait.train.settings import Train
from plait.train.watch import Watch
from support.model import DIRECTIONS, Mean, Tiny, evaluator

QUICK = Train.Settings(
    epochs=2, batch=48, learning_rate=0.01, embedding_learning_rate=0.01,
    embedding_optimiser="adam", threads=1, precision="fp32", probes=0
)  # fmt: skip


def settings(**changes: object) -> Train.Settings:
    return Train.Settings.model_validate({**QUICK.model_dump(), **changes})


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types and bits."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def train(
    prepared: Prepared,
    options: Train.Settings = QUICK,
    balancer: Callable[[], Balancer] = Mean,
    *,
    out: Path | None = None,
    resume: bool = False,
    seed: int = 17,
    watch: Watch | None = None,
    model: Tiny | None = None,
) -> tuple[Tiny, Fitted]:
    """Train a new small model."""
    model = model or Tiny(prepared)
    goal = Goal(evaluator(prepared), DIRECTIONS)
    fitted = fit(model, prepared, balancer(), options, goal=goal, seed=seed, out=out, resume=resume, watch=watch)
    return model, fitted


def left(out: Path) -> dict[str, str]:
    """SHA-256 of every group of tensors of the newest checkpoint: weights, optimiser and random state, best weights."""
    checkpoint, damaged = Checkpoints(out / "checkpoints").load()
    assert not damaged
    return {group: digest(tensors) for group, tensors in checkpoint.tensors.items()}


def stop_at(balancer: Balancer, step: int) -> None:
    """Send this process SIGTERM during a step, counted from 1."""
    called: list[int] = []
    before = balancer.before_step

    def before_step(done: float) -> None:
        called.append(1)
        if len(called) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        before(done)

    balancer.before_step = before_step  # type: ignore[method-assign]
