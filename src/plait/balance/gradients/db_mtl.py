"""Losses on a log scale, and gradients of one length: dual balancing."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients.weighting import PerTask
from plait.balance.graph.jacobian import At, Jacobian

__all__ = ["DBMTL"]

_EPSILON = 1e-8


@final
class DBMTL(PerTask):
    r"""Balance the losses by their logarithm and the gradients by their length.

        g_t = d log(L_t + e) = dL_t / (L_t + e),    a_t <- b_k a_t + (1 - b_k) g_t,    b_k = b / k^(1/2)

        update = (max over s of |a_s|) times the sum over t of a_t / |a_t|

    with k the number of steps in which the task was present; here the mean over the tasks in place of the sum. The logarithm
    makes the scale of a loss drop out, the length that of its gradient; the largest length is the step's, so that training
    goes on as long as any task moves. Where a loss can be below 0, |L_t| stands for it.

    `at: parameters` is the paper's form: a moving average of every task's gradient at every shared parameter, so a copy of
    them per task. Looked-up embedding rows are others in every step, so there g_t stands for a_t, scaled alike. Elsewhere
    gradients belong to the examples of one step, and the average is that of their squared lengths: the update is the same
    combination of this step's gradients.

    Args:
        weights: the recipe's weight of each task. The method makes them drop out of the shared part; what is a task's own
            gets its gradient times the weight.
        settings: the moving average.

    References:
        Lin et al.: Dual-Balancing for Multi-Task Learning, 2023, https://arxiv.org/abs/2308.12029.

    Relations:
        `gradnorm` learns the lengths and can favour slow tasks; this one has nothing to learn.
    """

    class Settings(BalanceSettings):
        """Log losses, and gradients of one length."""

        kind: Literal["db_mtl"] = "db_mtl"
        beta: float = Field(default=0.9, ge=0, lt=1)
        """b: share of the old average at the first step; it falls with the root of the steps."""
        at: At = "auto"
        """Where gradients are taken: `representation` (where the tasks part; cheap), `parameters` (a pass per task)."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return DBMTL(weights, self)

    looks: Tensor
    square: Tensor
    losses: Tensor

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self._beta = settings.beta
        self._averages: list[str] = []
        self.register_buffer("looks", torch.zeros(len(weights)))
        self.register_buffer("square", torch.zeros(len(weights)))
        self.register_buffer("losses", torch.ones(len(weights)), persistent=False)

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Lay out the averages at the parameters where they are wanted."""
        if self.at == "parameters":
            self._averages = [f"average_{place}" for place in range(len(shared))]
            for name, tensor in zip(self._averages, shared, strict=True):
                self.register_buffer(name, torch.zeros(len(self.looks), *tensor.shape, device=tensor.device))

    def hear(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Take the losses down and count."""
        self.losses.copy_(losses.abs() + _EPSILON)
        self.looks += present

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Bring all tasks to the largest length and send the mean back."""
        tasks = torch.tensor(jacobian.tasks, device=self.looks.device)
        looks = self.looks[tasks]
        # At its first look a task has no average yet.
        keep = torch.where(looks > 1, self._beta / looks.clamp(min=1).sqrt(), 0.0)
        logs = 1 / self.losses[tasks]
        if self.at == "parameters":
            return self._at_parameters(jacobian, shared, tasks, keep, logs)
        square = self.square[tasks] * keep + jacobian.gramian().diagonal() * logs.square() * (1 - keep)
        self.square[tasks] = square
        factors = _to_largest(square.sqrt()) * logs / len(tasks)
        jacobian.send(jacobian.combine(factors), shared)
        return factors

    def _at_parameters(
        self,
        jacobian: Jacobian,
        shared: Sequence[Tensor],
        tasks: Tensor,
        keep: Float[Tensor, "t"],
        logs: Float[Tensor, "t"],
    ) -> Float[Tensor, "t"]:
        """Move the averages at the parameters and send their combination back; at looked-up rows that of this step."""
        averages = [self.get_buffer(name) for name in self._averages]
        square = torch.zeros_like(logs)
        for place, average in enumerate(averages):
            for line, (task, row) in enumerate(zip(jacobian.tasks, [each[place] for each in jacobian.rows], strict=True)):
                average[task].mul_(keep[line])
                if isinstance(row, Tensor):
                    average[task].add_(row * (logs[line] * (1 - keep[line])).to(row.dtype))
                square[line] += average[task].float().square().sum()
        looked = range(len(averages), len(jacobian.places))
        for line, each in enumerate(jacobian.rows):
            for row in [each[place] for place in looked]:
                if isinstance(row, Tensor):
                    square[line] += row.float().square().sum() * logs[line].square()
        factors = _to_largest(square.sqrt()) / len(tasks)
        sums = jacobian.combine(factors * logs)
        for place, average in enumerate(averages):
            sums[place] = torch.tensordot(factors.to(average.dtype), average[tasks], dims=1)
        jacobian.send(sums, shared)
        return factors * logs


def _to_largest(lengths: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
    """Return what brings every length to the largest; 0 for a length of 0, not finite where one is not."""
    factors = torch.where(lengths > 0, lengths.max() / lengths.clamp(min=1e-30), 0.0)
    return torch.where(lengths.isfinite().all(), factors, float("nan"))
