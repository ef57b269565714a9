"""Losses joined to one before the backward pass: average, fixed weights, the largest."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.named import by_task
from plait.errors import DataError

__all__ = ["Average", "Fixed", "Maximum", "Scalarised", "not_negative"]


class Scalarised(Balancer):
    """Weigh the losses, add them up, and run backward once; costs what training with one loss costs.

    The weight of each task in the recipe multiplies its loss before anything else.

    Args:
        weights: the recipe's weight of each task.
    """

    task_weights: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    @abstractmethod
    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weight of each loss, 0 where not present; `losses` are times the recipe's weights, without gradient."""

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of everything that led to the weighted sum."""
        weighted = losses * self.task_weights
        weights = self.weigh(weighted.detach(), present)
        total = (weights * weighted).sum()
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        return (weights * self.task_weights).detach()


@final
class Average(Scalarised):
    """Give every task the same weight: the mean of the losses that are present.

    Args:
        weights: the recipe's weight of each task.
    """

    class Settings(BalanceSettings):
        """The mean of the losses."""

        kind: Literal["average"] = "average"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Average(weights)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Share one among the tasks that are present."""
        return present / present.sum().clamp(min=1)


@final
class Fixed(Scalarised):
    """Give every task a weight of its own: sum of w_t L_t over the tasks present, divided by the sum of all w_t.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: their weights.

    Raises:
        RecipeError: a weight is for no task, or all are 0.
    """

    class Settings(BalanceSettings):
        """Weights that stay as they are."""

        kind: Literal["fixed"] = "fixed"
        weights: dict[str, float] = Field(default_factory=dict)
        """Task -> weight, 0 or more; 1 for a task not named."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Fixed(weights, names, self)

    fixed: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        values = by_task("weights", settings.weights, names)
        self.register_buffer("fixed", torch.tensor(values, dtype=torch.float32), persistent=False)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the fixed weights of the tasks that are present."""
        return self.fixed * present / self.fixed.sum()


@final
class Maximum(Scalarised):
    """Train the task with the largest loss, so that none is left behind: max over t of L_t.

    Losses of different kinds have no common scale; the recipe's task weights set one.

    Args:
        weights: the recipe's weight of each task.
    """

    class Settings(BalanceSettings):
        """The largest loss only."""

        kind: Literal["maximum"] = "maximum"

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Maximum(weights)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Give all to the largest loss that is present; the first of equals."""
        weights = torch.zeros_like(losses)
        worst = losses.masked_fill(~present, float("-inf")).argmax()
        # One that is not finite would be passed over by the maximum; it takes all, so that the step is seen to be broken.
        broken = (~losses.isfinite() & present).float()
        return torch.where(broken.any(), broken, weights.index_fill(0, worst, 1.0) * present)


def not_negative(kind: str, losses: Float[Tensor, "T"], names: Sequence[str]) -> None:
    """Refuse negative losses, for a method that takes their logarithms.

    Raises:
        DataError: a loss is negative.
    """
    for name, loss in zip(names, losses.tolist(), strict=True):
        if loss < 0:
            raise DataError(
                f"`balance: {kind}` should see losses of 0 or more, because it works with their logarithms. Found "
                f"{loss:.4g} for task `{name}`. Choose another method, such as `uncertainty`, or another loss for the task."
            )
