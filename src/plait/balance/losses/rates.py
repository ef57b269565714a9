"""Weights that follow how fast each loss falls."""

from collections.abc import Callable, Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.adam import TaskAdam
from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised, not_negative

__all__ = ["DWA", "FAMO"]

_EPS = 1e-8


@final
class DWA(Scalarised):
    """Give weight to the tasks whose loss fell least from one epoch to the next (dynamic weight average).

        w = softmax(r / temperature),    r_t = L_t of the last epoch / L_t of the one before

    over the tasks present; the first two epochs are equal. A task without a loss in one of the two epochs has r = 1.

    Args:
        weights: the recipe's weight of each task.
        settings: the temperature.

    References:
        Liu, Johns, Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019, https://arxiv.org/abs/1803.10704.

    Relations:
        The paper's weights add up to the number of tasks, these to 1, as `Average` divides by it.
    """

    class Settings(BalanceSettings):
        """Weights by how little a loss fell in the last epoch."""

        kind: Literal["dwa"] = "dwa"
        temperature: float = Field(default=2.0, gt=0)
        """How alike the weights are."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return DWA(weights, self)

    before: Tensor

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights)
        self.temperature = settings.temperature
        self.register_buffer("before", torch.full((2, len(weights)), float("nan")))

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weights of this epoch."""
        rates = self.before[1] / self.before[0]
        rates = torch.where(rates.isfinite(), rates, 1.0)
        drawn = (rates / self.temperature).masked_fill(~present, float("-inf"))
        return torch.where(present, torch.softmax(drawn, dim=0), 0.0)

    def after_epoch(self, losses: Float[Tensor, "T"], scores: Float[Tensor, "T"]) -> None:
        """Remember the epoch's losses."""
        self.before.copy_(torch.stack([self.before[1], losses.to(self.before)]))


@final
class FAMO(Scalarised):
    """Let all losses fall at one rate, looking only at losses (fast adaptive multitask optimization).

        sum_t c z_t log L_t,    z = softmax(x),    1 / c = sum_t z_t / L_t
        after the step    x <- Adam step along dz/dx (log L before - log L after)

    so that a task's weight is c z_t / L_t, with sum 1, and x rises for those whose loss fell less than others. Looking again
    costs one more forward pass a step. Of accumulated batches the last is looked at. A loss is taken as 1e-8 above itself.

    Args:
        weights: the recipe's weight of each task; they scale its loss, and so change nothing but its share of c.
        names: the tasks, for errors.
        settings: how fast x moves.

    Raises:
        DataError: a loss is negative, when `weigh` sees it; the method knows none.

    References:
        Liu et al.: FAMO: Fast Adaptive Multitask Optimization, NeurIPS 2023, https://arxiv.org/abs/2306.03792.

    Relations:
        TorchJD's keeps the state of its Adam where no checkpoint finds it; the steps are the same.
    """

    class Settings(BalanceSettings):
        """All losses fall at one rate."""

        kind: Literal["famo"] = "famo"
        rate: float = Field(default=0.025, ge=0)
        """Learning rate of the weights' logits."""
        decay: float = Field(default=1e-3, ge=0)
        """How strongly the logits are drawn to 0."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return FAMO(weights, names, self)

    logits: Tensor
    before: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        self.names, self.decay = list(names), settings.decay
        self.adam = TaskAdam(len(weights), settings.rate)
        self.register_buffer("logits", torch.zeros(len(weights)))
        self.register_buffer("before", torch.full((len(weights),), float("nan")))

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weights and remember the losses."""
        not_negative("famo", losses, self.names)
        self.before.copy_(torch.where(present, losses, float("nan")))
        shares = self._shares(present) / (losses + _EPS)
        return torch.where(present, shares / torch.where(present, shares, 0.0).sum().clamp(min=1e-30), 0.0)

    def after_step(self, losses: Callable[[], Float[Tensor, "T"]]) -> None:
        """Look at the losses again and move the logits."""
        present = self.before.isfinite()
        if not bool(present.any()):
            return
        after = losses().detach() * self.task_weights
        fallen = torch.where(present, (self.before + _EPS).log() - (after + _EPS).log(), 0.0)
        fallen = torch.where(fallen.isfinite(), fallen, 0.0)
        shares = self._shares(present)
        slope = shares * (fallen - (shares * fallen).sum()) + self.decay * self.logits
        self.logits -= self.adam(slope, present)
        self.before.fill_(float("nan"))

    def _shares(self, present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return z over the tasks present."""
        drawn = torch.softmax(self.logits.masked_fill(~present, float("-inf")), dim=0)
        return torch.where(present, drawn, 0.0)
