"""One solution of many: scalarizations that lead to the trade-off a preference asks for."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised
from plait.balance.named import by_task

__all__ = ["COSMOS", "PBI", "STCH"]


class Preferred(Scalarised):
    """A scalarization with a preference per task; only the preferences of the tasks present count in a step.

    Args:
        weights: the recipe's weight of each task.
        preferences: how much each task is wanted; their sum does not matter.
    """

    preferences: Tensor

    def __init__(self, weights: Sequence[float], preferences: Sequence[float]) -> None:
        super().__init__(weights)
        self.register_buffer("preferences", torch.tensor(preferences, dtype=torch.float32), persistent=False)

    def shares(self, present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the preferences of the tasks present, with sum 1."""
        there = self.preferences * present
        return there / there.sum().clamp(min=1e-12)


@final
class STCH(Preferred):
    """Train the largest preferred loss, smoothly (smooth Tchebycheff scalarization).

        mu log sum_t exp(r_t L_t / mu)

    A task's weight is r_t softmax(r L / mu)_t. Every point of the Pareto front is reached by some r, where sums of losses
    miss those in its hollows.

    Args:
        weights: the recipe's weight of each task.
        preferences: r.
        settings: how smooth.

    References:
        Lin et al.: Smooth Tchebycheff Scalarization for Multi-Objective Optimization, ICML 2024,
        https://arxiv.org/abs/2402.19078.

    Relations:
        `Maximum` is the limit of small mu.
    """

    class Settings(BalanceSettings):
        """The largest loss, smoothly."""

        kind: Literal["stch"] = "stch"
        mu: float = Field(default=0.1, gt=0)
        """How smooth, in units of the losses; small values come near the maximum."""
        weights: dict[str, float] = Field(default_factory=dict)
        """Task -> preference, 0 or more; 1 for a task not named."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return STCH(weights, by_task("weights", self.weights, names), self)

    def __init__(self, weights: Sequence[float], preferences: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, preferences)
        self.mu = settings.mu

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the derivatives."""
        shares = self.shares(present)
        pulled = (shares * losses / self.mu).masked_fill(~present, float("-inf"))
        return torch.where(present, shares * torch.softmax(pulled, dim=0), 0.0)


@final
class PBI(Preferred):
    """Go along the preferred ray of losses and stay near it (penalty-based boundary intersection).

        d1 + theta d2,    d1 = <L, r^>,    d2 = |L - d1 r^|,    r^ = r / |r|

    A task whose loss is below its share of d1 may get a negative weight: nearness to the ray is bought with its loss.

    Args:
        weights: the recipe's weight of each task.
        preferences: r, the direction in which losses should stand to each other.
        settings: how dear the distance is.

    References:
        Zhang, Li: MOEA/D, IEEE Transactions on Evolutionary Computation 11, 2007, https://doi.org/10.1109/TEVC.2007.892759.
    """

    class Settings(BalanceSettings):
        """Small losses in a preferred proportion."""

        kind: Literal["pbi"] = "pbi"
        theta: float = Field(default=0.5, ge=0)
        """What a distance from the ray costs; the paper takes 5, with objectives of one scale."""
        weights: dict[str, float] = Field(default_factory=dict)
        """Task -> how large its loss may be beside the others, 0 or more; 1 for a task not named."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return PBI(weights, by_task("weights", self.weights, names), self)

    def __init__(self, weights: Sequence[float], preferences: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, preferences)
        self.theta = settings.theta

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the derivatives."""
        there = torch.where(present, losses, 0.0)
        shares = self.shares(present)
        ray = shares / shares.square().sum().sqrt().clamp(min=1e-12)
        beside = there - (there * ray).sum() * ray
        distance = (beside.square().sum() + 1e-12).sqrt()
        return torch.where(present, ray + self.theta * beside / distance, 0.0)


@final
class COSMOS(Preferred):
    """Add up the preferred losses, and reward losses that point where the preference does.

        <r, L> - lambda cos(r, L)

    A task whose loss is below its share may get a negative weight. The paper also tells the model r, so that one model
    serves every preference; here the preference is fixed.

    Args:
        weights: the recipe's weight of each task.
        preferences: r.
        settings: how strong the reward is.

    References:
        Ruchte, Grabocka: Scalable Pareto Front Approximation for Deep Multi-Objective Learning, ICDM 2021,
        https://arxiv.org/abs/2103.13392.
    """

    class Settings(BalanceSettings):
        """A preferred sum, and losses in the preferred proportion."""

        kind: Literal["cosmos"] = "cosmos"
        reward: float = Field(default=0.1, ge=0)
        """lambda, what a cosine of 1 is worth; the paper takes .01 to 8."""
        weights: dict[str, float] = Field(default_factory=dict)
        """Task -> preference, 0 or more; 1 for a task not named."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return COSMOS(weights, by_task("weights", self.weights, names), self)

    def __init__(self, weights: Sequence[float], preferences: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, preferences)
        self.reward = settings.reward

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the derivatives."""
        there = torch.where(present, losses, 0.0)
        shares = self.shares(present)
        length = there.square().sum().sqrt().clamp(min=1e-8)
        across = (shares.square().sum().sqrt() * length).clamp(min=1e-12)
        cosine = (shares * there).sum() / across
        turn = shares / across - cosine * there / length.square()
        return torch.where(present, shares - self.reward * turn, 0.0)
