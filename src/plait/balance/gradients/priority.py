"""One task leads, and the others get at least a share of what they want."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from plait.balance.gradients import borrowed
from plait.balance.gradients.weighting import GradientSettings, Weighting
from plait.balance.named import numbers_of

__all__ = ["PCD"]

_LARGE = 1e8
"""Against the square of lengths near 1: the borrowed weighting then scales all tasks by one number."""


@final
class PCD(Weighting):
    """Follow the leading task as nearly as the others allow (Priority-Constrained Descent).

        min_d |d - g~_1|^2    so that    <g~_j, d> >= tau |g~_j|^2 for every other j,    g~_t = g_t / sqrt(v_t + eps)

    with v_t a running mean of |g_t|^2, corrected for its start by the number of steps in which the task took part. The
    update is d, made as long as g_1. Where the others cannot all be satisfied it is g_1; in a step without the leading task
    the others get equal weights.

    Args:
        primary: the number of the leading task.
        tasks: T.
        settings: what the others are promised.

    References:
        Not All Objectives Are Born Equal: Priority-Constrained Descent, TMLR 2026, https://arxiv.org/abs/2606.29521.
    """

    class Settings(GradientSettings):
        """One task leads, the others get a share."""

        kind: Literal["pcd"] = "pcd"
        primary: str | None = None
        """The task that leads; the first of the recipe where none is named."""
        tau: float = Field(default=0.02, ge=0, le=1)
        """Share of a step along its own gradient that every other task gets."""
        beta: float = Field(default=0.999, ge=0, lt=1)
        """How slowly the mean square lengths follow."""
        eps: float = Field(default=1e-8, ge=0)
        """Added to the mean square length."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            primary = 0 if self.primary is None else numbers_of("primary", [self.primary], names)[0]
            return PCD(primary, len(names), self)

    squares: Tensor
    seen: Tensor

    def __init__(self, primary: int, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.primary, self.beta, self.eps = primary, settings.beta, settings.eps
        self.solve = borrowed.pcd(settings.tau, _LARGE)
        self.register_buffer("squares", torch.zeros(tasks, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(tasks, dtype=torch.float64))

    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Weigh the tasks and remember the lengths of their gradients."""
        products = gramian.double()
        self.seen[tasks] += 1
        self.squares[tasks] = self.beta * self.squares[tasks] + (1 - self.beta) * products.diagonal()
        usual = self.squares[tasks] / (1 - self.beta ** self.seen[tasks])
        scales = (usual + self.eps).rsqrt()
        leads = (tasks == self.primary).nonzero().flatten().tolist()
        if not leads:
            return torch.full_like(gramian.diagonal(), 1 / len(tasks))
        order = torch.tensor([leads[0], *(place for place in range(len(tasks)) if place != leads[0])], device=tasks.device)
        scaled = (products * torch.outer(scales, scales))[order][:, order]
        found = self.solve(scaled.float()).double() * scales[order] / scales[leads[0]]
        return torch.zeros_like(products.diagonal()).index_copy(0, order, found).to(gramian)
