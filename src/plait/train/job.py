"""One training run as it stands between two steps: what moves, what is counted, how it is kept and taken up again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal, final

import torch
from pydantic import BaseModel, JsonValue
from torch import Tensor

from plait.balance.base import Balancer
from plait.data.columns import Prepared
from plait.errors import RunError
from plait.train.checkpoint import Checkpoint
from plait.train.fitted import Cosines, Curve
from plait.train.judge import Judge
from plait.train.optimiser import Optimiser
from plait.train.precision import choose_precision
from plait.train.protocol import Trainable
from plait.train.schedule import factor
from plait.train.settings import Train
from plait.train.step import Step
from plait.train.supply import Draw, Supply
from plait.train.tally import Tally

__all__ = ["Job", "Progress"]

_FREE = {"workers", "threads", "device", "checkpoint_every", "max_skips"}
"""Settings that may differ when a run is taken up again."""


@final
class Progress(BaseModel):
    """How far a run is, as plain numbers."""

    epoch: int = 0
    """Epochs finished."""
    place: int = 0
    """Steps done in the epoch that is not finished."""
    step: int = 0
    """Steps done in all."""
    examples: int = 0
    seconds: float = 0.0
    done: bool = False
    """Whether the joint phase is over."""
    best_epoch: int = 0
    scores: dict[str, float] = {}
    """Of the best epoch."""
    curves: dict[str, Curve] = {}
    cosines: list[Cosines] = []


@final
class Job:
    """Everything of a run that changes from step to step.

    Args:
        model: what is trained; lies on `device`.
        prepared: what it is trained on.
        balancer: lies on `device`.
        settings: how.
        judge: follows the metrics.
        seed: the recipe's seed.
        device: where.

    Attributes:
        best: the weights of the best epoch, on the CPU; empty before the first evaluation.
    """

    def __init__(
        self,
        model: Trainable,
        prepared: Prepared,
        balancer: Balancer,
        settings: Train.Settings,
        judge: Judge,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model, self.balancer, self.settings, self.judge = model, balancer, settings, judge
        self.device, self.seed = device, seed
        self.precision: Literal["fp32", "bf16"] = choose_precision(settings.precision, device)
        self.supply = Supply(prepared, settings, balancer.draws, seed, device)
        self.optimiser = Optimiser(model, [balancer], settings)
        self._step = Step(model, balancer, self.optimiser, settings.clip, self.precision, device)
        self.tally = Tally(model.names, device)
        self.progress = Progress(curves={name: Curve() for name in model.names})
        self.best: Mapping[str, Tensor] = {}

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.supply.steps * self.settings.epochs

    def advance(self, draws: list[Draw], since: float) -> None:
        """Do one step.

        Args:
            draws: what it reads.
            since: when waiting for it began, so that loading counts.
        """
        done = self.progress.step / self.steps
        self.model.before_step(done)
        self.balancer.before_step(done)
        rate = factor(self.progress.step, self.steps, self.settings.warmup, self.settings.schedule)
        self.tally.add(self._step(draws, rate))
        self.progress.step += 1
        self.progress.place += 1
        self.progress.examples += sum(draw.examples for draw in draws)
        self.progress.seconds += time.perf_counter() - since

    def snapshot(self) -> None:
        """Remember the weights as the best so far."""
        self.best = {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    def checkpoint(self) -> Checkpoint:
        """Return everything that a bitwise exact resumption needs."""
        training = {f"optimiser.{name}": tensor for name, tensor in self.optimiser.state_dict().items()}
        training |= {f"balancer.{name}": tensor for name, tensor in self.balancer.state_dict().items()}
        training |= {f"tally.{name}": tensor for name, tensor in self.tally.state_dict().items()}
        training["random.cpu"] = torch.get_rng_state()
        if self.device.type == "cuda":
            training["random.cuda"] = torch.cuda.get_rng_state(self.device)
        tensors: dict[str, Mapping[str, Tensor]] = {"weights": self.model.state_dict(), "training": training}
        if self.best:
            tensors["best"] = self.best
        state: dict[str, JsonValue] = {
            "progress": self.progress.model_dump(mode="json"),
            "judge": self.judge.state(),
            "settings": self.settings.model_dump(mode="json"),
            "seed": self.seed,
        }
        return Checkpoint(tensors, state)

    def restore(self, kept: Checkpoint) -> None:
        """Take a run up where a checkpoint left it.

        Raises:
            RunError: it is of another recipe.
        """
        self._same_recipe(kept)
        self.model.load_state_dict(kept.tensors["weights"])
        training = kept.tensors["training"]
        self.optimiser.load_state_dict(_under("optimiser.", training))
        self.balancer.load_state_dict(_under("balancer.", training))
        self.tally.load_state_dict(_under("tally.", training))
        torch.set_rng_state(training["random.cpu"])
        if self.device.type == "cuda" and "random.cuda" in training:
            torch.cuda.set_rng_state(training["random.cuda"], self.device)
        self.best = kept.tensors.get("best", {})
        self.progress = Progress.model_validate(kept.state["progress"])
        judge = kept.state["judge"]
        assert isinstance(judge, dict)
        self.judge.load(judge)

    def _same_recipe(self, kept: Checkpoint) -> None:
        """Refuse a checkpoint that this run could not have written."""
        before = kept.state["settings"]
        assert isinstance(before, dict)
        now = {**self.settings.model_dump(mode="json"), "seed": self.seed}
        then = {**before, "seed": kept.state["seed"]}
        changed = [key for key in now if key not in _FREE and now[key] != then.get(key)]
        if changed:
            told = ", ".join(f"`{key}` was {then.get(key)!r} and is {now[key]!r}" for key in changed)
            raise RunError(
                f"A run should go on with the settings it began with, or it would end elsewhere. Found that {told}. "
                "Set them back, or train anew with another --out."
            )
        weights, known = kept.tensors["weights"], self.model.state_dict()
        wrong = [name for name in {**known, **weights} if _shape(known, name) != _shape(weights, name)]
        if wrong:
            raise RunError(
                f"A checkpoint should hold the {len(known)} tensors of the recipe's model. Found {len(wrong)} that do not "
                f"fit, such as `{wrong[0]}`: {_shape(weights, wrong[0])} where {_shape(known, wrong[0])} is needed. The "
                "tables or the recipe changed since; train anew with another --out."
            )


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _shape(tensors: Mapping[str, Tensor], name: str) -> str:
    return str(tuple(tensors[name].shape)) if name in tensors else "nothing"
