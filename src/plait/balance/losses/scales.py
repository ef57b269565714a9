"""Scales learned so that all losses are of one size."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.balance.base import Balancer, BalanceSettings

__all__ = ["IMTLL"]


@final
class IMTLL(Balancer):
    """Learn a scale per task with which its loss becomes 1.

        mean over present t of  exp(s_t) L_t - s_t

    with s_t learned, 0 at the start; exp(-s_t) tends to L_t. The recipe's weight of a task multiplies its loss after this
    scaling; multiplied in before, it would be learned away, as is any number that a loss is multiplied by. With a negative
    loss there is no such scale, and exp(s_t) grows without end.

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

    task_weights: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(len(weights)))
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of everything that led to the scaled sum, and of the scales."""
        scale = torch.exp(self.log_scale)
        each = self.task_weights * (scale * losses - self.log_scale)
        count = present.sum().clamp(min=1)
        torch.where(present, each, 0).sum().div(count).backward()  # type: ignore[no-untyped-call]
        return (self.task_weights * scale * present / count).detach()
