"""Weights learned from how uncertain each task is."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.balance.base import Balancer, BalanceSettings

__all__ = ["Uncertainty"]


@final
class Uncertainty(Balancer):
    """Learn for each task how noisy it is and trust it the less.

        mean over present t of  1/2 exp(-s_t) L_t + 1/2 s_t

    with s_t = log sigma_t^2, the learned log-variance of task t, 0 at the start; exp(s_t) tends to L_t, so that every task
    ends up moving the shared part alike. A task that is not present neither moves the model nor its own s_t. The
    recipe's weight of a task multiplies its loss after this weighing; multiplied in before, it would be learned away.

    Args:
        weights: the recipe's weight of each task.

    Attributes:
        log_variance: s, a parameter; the optimiser updates it with everything else.

    References:
        Kendall, Gal, Cipolla: Multi-Task Learning Using Uncertainty to Weigh Losses, CVPR 2018,
        https://arxiv.org/abs/1705.07115.
    """

    class Settings(BalanceSettings):
        """Weights learned from the tasks' noise."""

        kind: Literal["uncertainty"] = "uncertainty"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Uncertainty(weights)

    task_weights: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(len(weights)))
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of everything that led to the weighted sum, and of the log-variances."""
        precision = torch.exp(-self.log_variance)
        each = self.task_weights * 0.5 * (precision * losses + self.log_variance)
        count = present.sum().clamp(min=1)
        torch.where(present, each, 0).sum().div(count).backward()  # type: ignore[no-untyped-call]
        return (0.5 * self.task_weights * precision * present / count).detach()
