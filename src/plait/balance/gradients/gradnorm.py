"""Weights learned so that the tasks' gradients have alike lengths, more for tasks that train slowly."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from plait.balance.adam import TaskAdam
from plait.balance.first import FirstLosses
from plait.balance.gradients.weighting import GradientSettings, Weighting

__all__ = ["GradNorm"]


@final
class GradNorm(Weighting):
    r"""Learn weights w_t that bring every task's gradient to the length that its training speed asks for.

        n_t = w_t |g_t|,    r_t = (L_t / L_t(0)) / mean over s of (L_s / L_s(0)),    target_t = (mean of n) r_t^alpha

        w minimises sum over t of |n_t - target_t|, the targets held fixed: dw_t = sign(n_t - target_t) |g_t|

    by Adam, and is scaled to the sum T after each step. With alpha = 0 all gradients get the same length; the larger alpha,
    the more a task that has learned less than the others is helped. L_t(0) is the mean of the task's first ten losses, which
    one unlucky batch does not spoil. The update of the shared part is the mean of w_t g_t.

    Args:
        tasks: how many tasks the recipe has.
        settings: alpha, learning rate.

    References:
        Chen et al.: GradNorm: Gradient Normalization for Adaptive Loss Balancing, ICML 2018,
        https://arxiv.org/abs/1711.02257. There gradients are taken at the last shared layer; here where `at` says, by
        default at the output of the shared part, which is as late and needs no layer to be named.

    Relations:
        `db_mtl` brings the lengths to the largest at once, without learning.
    """

    class Settings(GradientSettings):
        """Gradients of alike lengths, longer for tasks that train slowly; the weights are learned."""

        kind: Literal["gradnorm"] = "gradnorm"
        alpha: float = Field(default=1.5, ge=0)
        """How strongly a task that learns slowly is helped."""
        learning_rate: float = Field(default=0.01, gt=0)
        """Of the weights (Adam); 0.01 moves a weight of 1 by at most about 1 % per step."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            return GradNorm(len(names), self)

    weight: Tensor
    ratio: Tensor

    def __init__(self, tasks: int, settings: Settings) -> None:
        super().__init__()
        self._alpha = settings.alpha
        self.adam = TaskAdam(tasks, settings.learning_rate)
        self.register_buffer("weight", torch.ones(tasks))
        self.first = FirstLosses(tasks)
        self.register_buffer("ratio", torch.ones(tasks))

    def hear(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Follow how far each loss has come down."""
        self.ratio.copy_(torch.where(present, losses.abs() / self.first(losses, present), self.ratio))

    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Weigh the tasks, then move the weights one step."""
        used = self.weight[tasks]
        lengths = gramian.diagonal().sqrt()
        ratio = self.ratio[tasks]
        rate = ratio / ratio.mean().clamp(min=1e-30)
        weighted = used * lengths
        target = weighted.mean() * rate**self._alpha
        gradient = torch.zeros_like(self.weight).index_copy(0, tasks, (weighted - target).sign() * lengths)
        there = torch.zeros_like(self.weight, dtype=torch.bool).index_fill(0, tasks, True)
        moved = (self.weight - self.adam(gradient, there)).clamp(min=1e-3)
        self.weight.copy_(moved * len(moved) / moved.sum())
        return used / len(tasks)
