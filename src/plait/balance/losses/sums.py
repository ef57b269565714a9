"""Sums of the losses: plain, with random weights, and their geometric mean."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised, not_negative

__all__ = ["GeometricMean", "RandomWeights", "Sum"]


@final
class Sum(Scalarised):
    """Add the losses up.

    Args:
        weights: the recipe's weight of each task.

    Relations:
        `Average` divides by the number of tasks present, so that a step with few of them is no smaller.
    """

    class Settings(BalanceSettings):
        """The sum of the losses."""

        kind: Literal["sum"] = "sum"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Sum(weights)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return 1 for each task that is present."""
        return present.to(losses.dtype)


@final
class RandomWeights(Scalarised):
    """Draw the weights anew in every step: softmax of normal numbers, over the tasks present.

    A test of whether a cleverer method does more than add noise. Drawn from torch's global generator, whose state is in
    checkpoints.

    Args:
        weights: the recipe's weight of each task.

    References:
        Lin et al.: Reasonable Effectiveness of Random Weighting, TMLR 2022, https://arxiv.org/abs/2111.10603.
    """

    class Settings(BalanceSettings):
        """Random weights in every step."""

        kind: Literal["random"] = "random"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return RandomWeights(weights)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Draw."""
        drawn = torch.randn_like(losses).masked_fill(~present, float("-inf"))
        return torch.where(present, torch.softmax(drawn, dim=0), 0.0)


@final
class GeometricMean(Scalarised):
    """Train with the geometric mean of the n losses present, (L_1 ... L_n)^(1/n).

    A task's weight is the mean divided by n L_t, so that multiplying a loss by a number changes no task's share of the
    update. The recipe's weights, too, only scale the whole. A loss of exactly 0 counts as 1e-12.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks, for errors.

    Raises:
        DataError: a loss is negative, when `weigh` sees it; the method knows none.

    References:
        Chennupati et al.: MultiNet++, CVPR workshops 2019, https://arxiv.org/abs/1904.08492.
    """

    class Settings(BalanceSettings):
        """The geometric mean of the losses."""

        kind: Literal["geometric_mean"] = "geometric_mean"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return GeometricMean(weights, names)

    def __init__(self, weights: Sequence[float], names: Sequence[str]) -> None:
        super().__init__(weights)
        self.names = list(names)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the derivatives of the mean."""
        not_negative("geometric_mean", losses, self.names)
        count = present.sum().clamp(min=1)
        clamped = losses.clamp(min=1e-12)
        mean = (torch.where(present, clamped.log(), 0.0).sum() / count).exp()
        return torch.where(present, mean / (count * clamped), 0.0)
