"""Fixed preferences between the tasks: one solution of the Pareto front, chosen before the training."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.first import FirstLosses
from plait.balance.losses.weights import Scalarised
from plait.balance.named import by_task, known
from plait.balance.shares import shares

__all__ = ["Pareto"]


@final
class Pareto(Scalarised):
    r"""Train for one preference between the tasks.

    With p_t the preference of task t, of mean 1 over the tasks, L_t its loss and s_t the size that loss had at first (the
    mean of its first ten looks, 1 for `scale: none`),

        linear      minimise  mean over t of p_t L_t / s_t
        chebyshev   minimise  mu log sum over t of exp(p_t (L_t - z_t) / (s_t mu)),  smooth in place of the maximum

    over the tasks present. More preference means a smaller loss. `linear` reaches only solutions on the convex part of the
    front; `chebyshev` reaches all of them, and balances p_t (L_t - z_t) / s_t, the smaller mu the more strictly.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: preferences and method.

    Raises:
        RecipeError: a preference or an ideal is for no task, or no preference is above 0.

    References:
        Lin et al.: Smooth Tchebycheff Scalarization for Multi-Objective Optimization, ICML 2024,
        https://arxiv.org/abs/2402.19078. There losses are divided by estimates of their worst values, here by
        their first ones.

    Relations:
        `plait front` trains several preferences and shows the front. `fixed` is `linear` on the losses as they are.
    """

    class Settings(BalanceSettings):
        """One solution of the Pareto front, chosen by preferences."""

        kind: Literal["pareto"] = "pareto"
        preferences: dict[str, float] = Field(default_factory=dict)
        """Task -> how much it matters, 0 or more; 1 for a task not named."""
        method: Literal["linear", "chebyshev"] = "chebyshev"
        """`linear`: a weighted sum. `chebyshev`: the smooth maximum, which reaches every part of the front."""
        scale: Literal["first", "none"] = "first"
        """Whether losses are divided by their first values, so that losses of different kinds compare."""
        smoothness: float = Field(default=0.2, gt=0)
        """For `chebyshev`: mu, in units of the scaled losses; near 0 only the worst task trains."""
        ideal: dict[str, float] = Field(default_factory=dict)
        """For `chebyshev`: task -> z, the loss it would reach at best; 0 for a task not named."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Pareto(weights, names, self)

    preference: Tensor
    ideal: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        self._settings = settings
        known("ideal", settings.ideal, names)
        preference = torch.tensor(by_task("preferences", settings.preferences, names))
        ideal = torch.tensor([settings.ideal.get(name, 0.0) for name in names])
        self.register_buffer("preference", preference * len(names) / preference.sum(), persistent=False)
        self.register_buffer("ideal", ideal, persistent=False)
        self.first = FirstLosses(len(names))

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the derivative of the scalarised loss with respect to each loss."""
        size = self.first(losses, present) if self._settings.scale == "first" else torch.ones_like(losses)
        if self._settings.method == "linear":
            return shares(self.preference, present) / size
        ideal = self.ideal * self.task_weights
        regret = self.preference * (losses - ideal) / size / self._settings.smoothness
        worst = torch.softmax(regret.masked_fill(~present, float("-inf")), dim=0)
        return torch.where(present, worst * self.preference / size, 0.0)
