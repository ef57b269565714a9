"""Weights that follow how far each task is from the best it can do."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients.weighting import PerTask
from plait.balance.graph.jacobian import Jacobian

__all__ = ["ExcessMTL"]


@final
class ExcessMTL(PerTask):
    """Train the tasks that have most left to gain, estimated from their gradients.

        r_t = sum_j g_tj^2 / h_tj,    h_t = sqrt(sum over steps of g_t^2)
        w_t <- w_t exp(eta r_t / r_t at the start), sum 1

    r_t estimates the loss of task t above the best it can reach; a noisy task with a high but hopeless loss gets no weight
    for it. At the parameters h is kept for every shared parameter and task (looked-up rows of embeddings change from step to
    step and do not count in r); at the representation for every task one number, r_t = |g_t|^2 / sqrt(sum of |g_t|^2).

    Args:
        weights: the recipe's weight of each task.
        settings: where, and how fast weights move.

    References:
        He et al.: Robust Multi-Task Learning with Excess Risks, ICML 2024, https://proceedings.mlr.press/v235/he24n.html.
    """

    class Settings(BalanceSettings):
        """Weights by what a task has left to gain."""

        kind: Literal["excess_mtl"] = "excess_mtl"
        at: Literal["representation", "parameters"] = "representation"
        """Where gradients are taken; only at the parameters the curvature is kept number by number."""
        rate: float = Field(default=1.0, gt=0)
        """eta, how fast weights move."""
        warmup: int = Field(default=0, ge=0)
        """Steps with equal weights, whose mean r_t is then the start."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return ExcessMTL(weights, self)

    log_shares: Tensor
    squares: Tensor
    start: Tensor
    steps: Tensor

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, "parameters" if settings.at == "parameters" else "auto")
        self.exact, self.rate, self.warmup = settings.at == "parameters", settings.rate, settings.warmup
        count = len(weights)
        self.register_buffer("log_shares", torch.full((count,), 1 / count).log())
        self.register_buffer("squares", torch.zeros(count, 1))
        self.register_buffer("start", torch.zeros(count))
        self.register_buffer("steps", torch.zeros(count))

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Lay out the squares of every shared parameter."""
        if self.exact:
            self.squares = self.squares.new_zeros(len(self.squares), sum(tensor.numel() for tensor in shared))

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Estimate, move the weights, and send the weighted sum back."""
        tasks = torch.tensor(jacobian.tasks, device=self.steps.device)
        weights = self._shares(tasks, self._excess(jacobian, tasks))
        jacobian.send(jacobian.combine(weights), shared)
        return weights

    def _excess(self, jacobian: Jacobian, tasks: Tensor) -> Float[Tensor, "t"]:
        if not self.exact:
            square = jacobian.gramian().diagonal()[:, None]
        else:
            square = torch.stack([self._laid(jacobian, row) for row in range(len(tasks))]).square()
        self.squares[tasks] += square
        return (square / (self.squares[tasks] + 1e-7).sqrt()).sum(1)

    def _laid(self, jacobian: Jacobian, row: int) -> Float[Tensor, " P"]:
        """Lay a task's gradient at the shared parameters out; the looked-up rows come after these."""
        width = self.squares.shape[1]
        flat = self.squares.new_zeros(width)
        place = 0
        for leaf, gradient in zip(jacobian.places, jacobian.rows[row], strict=True):
            assert isinstance(leaf, Tensor)
            if place >= width:
                break
            if isinstance(gradient, Tensor):
                flat[place : place + leaf.numel()] = gradient.flatten()
            place += leaf.numel()
        return flat

    def _shares(self, tasks: Tensor, excess: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Move the weights; the first steps of a task say what the later ones are measured by."""
        steps = self.steps[tasks]
        early = steps < max(self.warmup, 1)
        usual = self.start[tasks] / max(self.warmup, 1)
        self.start[tasks] += torch.where(early, excess, 0.0)
        self.steps[tasks] += 1
        moved = torch.where(early, excess, excess / (usual + 1e-7)) * self.rate
        moved = torch.where(steps < self.warmup, 0.0, moved)
        self.log_shares[tasks] += moved
        self.log_shares.copy_(torch.log_softmax(self.log_shares, dim=0))
        return torch.softmax(self.log_shares[tasks], dim=0)
