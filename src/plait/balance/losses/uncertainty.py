"""Weights learned as parameters of the model: from how uncertain each task is, or so that all losses are of one size."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.balance.base import Balancer, BalanceSettings

__all__ = ["IMTLL", "Uncertainty"]


class _Learned(Balancer):
    """Scale each loss by a learned number, and pay for a small scale so that it does not tend to 0.

        mean over present t of  weight_t (scale_t L_t + cost_t)

    A task that is not present neither moves the model nor its own number. The recipe's weight of a task multiplies its loss
    after the scaling; multiplied in before, it would be learned away, as is any number that a loss is multiplied by.

    Args:
        weights: the recipe's weight of each task.
    """

    task_weights: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    @abstractmethod
    def scaling(self) -> tuple[Float[Tensor, "T"], Float[Tensor, "T"]]:
        """Return the scale of each loss, and what it costs."""

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of everything that led to the scaled sum, and of the learned numbers."""
        scale, cost = self.scaling()
        each = self.task_weights * (scale * losses + cost)
        count = present.sum().clamp(min=1)
        torch.where(present, each, 0).sum().div(count).backward()  # type: ignore[no-untyped-call]
        return (self.task_weights * scale * present / count).detach()


@final
class Uncertainty(_Learned):
    """Learn for each task how noisy it is and trust it the less.

        mean over present t of  1/2 exp(-s_t) L_t + 1/2 s_t

    with s_t = log sigma_t^2, the learned log-variance of task t, 0 at the start; exp(s_t) tends to L_t, so that every task
    ends up moving the shared part alike. The recipe's weight of a task multiplies its term.

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

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__(weights)
        self.log_variance = nn.Parameter(torch.zeros(len(weights)))

    def scaling(self) -> tuple[Float[Tensor, "T"], Float[Tensor, "T"]]:
        """Return half the precision and half the log-variance."""
        return 0.5 * torch.exp(-self.log_variance), 0.5 * self.log_variance


@final
class IMTLL(_Learned):
    """Learn a scale per task with which its loss becomes 1.

        mean over present t of  exp(s_t) L_t - s_t

    with s_t learned, 0 at the start; exp(-s_t) tends to L_t. The recipe's weight of a task multiplies its term. With a
    negative loss there is no such scale, and exp(s_t) grows without end.

    Args:
        weights: the recipe's weight of each task.

    Attributes:
        log_scale: s, a parameter; the optimiser updates it with everything else.

    References:
        Liu et al.: Towards Impartial Multi-task Learning, ICLR 2021, https://openreview.net/forum?id=IMPnRXEWpvr.

    Relations:
        `Uncertainty` is half of this, with s of the other sign: prefer that name; this one is for comparing with the paper.
    """

    class Settings(BalanceSettings):
        """Scales learned so that all losses are 1."""

        kind: Literal["imtl_l"] = "imtl_l"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return IMTLL(weights)

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__(weights)
        self.log_scale = nn.Parameter(torch.zeros(len(weights)))

    def scaling(self) -> tuple[Float[Tensor, "T"], Float[Tensor, "T"]]:
        """Return exp(s) and -s."""
        return torch.exp(self.log_scale), -self.log_scale
