"""Weights that follow how the tasks do on the validation part."""

from collections.abc import Mapping, Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised
from plait.balance.named import known
from plait.balance.shares import shares
from plait.errors import RecipeError

__all__ = ["Validation"]


@final
class Validation(Scalarised):
    r"""Give more weight to the tasks that lag behind on the validation part.

    After each epoch every task has a score m_t, its deciding metric signed so that more is better. It is smoothed,

        k_t <- a m_t + (1 - a) k_t

    and turned into a weight, of mean 1 over the tasks. `priority: lag` (any metric) compares with what the task is known to
    reach, r_t, its target where one is set or else its best score so far:

        lag_t = max(0, 2 (r_t - k_t) / (|r_t| + |k_t|)),    w_t ~ exp(lag_t / temperature)

    `priority: level` is the paper's focal form, for metrics between 0 and 1 such as AUC:

        w_t ~ -(1 - k_t)^gamma log k_t

    Until the first epoch is over, and for a task whose score is not known, weights stay as they are, at first 1. The sum of
    w_t L_t over the tasks present is divided by their number, as in `Average`.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: how scores become weights.

    Raises:
        RecipeError: a target is for no task; or, after an epoch, `level` meets a score that is not between 0 and 1.

    References:
        Guo et al.: Dynamic Task Prioritization for Multitask Learning, ECCV 2018,
        https://doi.org/10.1007/978-3-030-01270-0_17. There the key performance indicator is updated every step from the
        training accuracy; here every epoch from the validation part, which is what counts. `lag` is ours: deciding metrics
        of different kinds have no common level, but each has a best of its own.

    Relations:
        Targets from `plait train`'s figures of the tasks alone make it fill what sharing took away. Prefer `uncertainty`
        where epochs are few, since this hears something once per epoch.
    """

    class Settings(BalanceSettings):
        """More weight for tasks that lag behind on the validation part."""

        kind: Literal["validation"] = "validation"
        priority: Literal["lag", "level"] = "lag"
        """`lag`: behind the own target or best. `level`: the lower a metric between 0 and 1, the more."""
        targets: dict[str, float] = Field(default_factory=dict)
        """Task -> what its deciding metric should reach, signed so that more is better (-0.9 for an RMSE of 0.9)."""
        temperature: float = Field(default=0.02, gt=0)
        """For `lag`: the relative lag that multiplies a weight by e; 0.02 is 2 %."""
        gamma: float = Field(default=1.0, ge=0)
        """For `level`: how strongly tasks that do well are left alone."""
        smoothing: float = Field(default=0.7, gt=0, le=1)
        """Share of the newest score in the smoothed one."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Validation(weights, names, self)

    current: Tensor
    score: Tensor
    best: Tensor
    target: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        self._settings, self._names = settings, list(names)
        unknown = torch.full((len(weights),), float("nan"))
        self.register_buffer("current", torch.ones(len(weights)))
        self.register_buffer("score", unknown.clone())
        self.register_buffer("best", unknown.clone())
        self.register_buffer("target", torch.tensor(_targets(settings.targets, names)), persistent=False)

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weights of the last epoch."""
        return shares(self.current, present)

    def after_epoch(self, losses: Float[Tensor, "T"], scores: Float[Tensor, "T"]) -> None:
        """Turn the scores of the validation part into the weights of the next epoch."""
        found = scores.isfinite()
        self._check(scores, found)
        smoothed = torch.where(self.score.isnan(), scores, self.score.lerp(scores, self._settings.smoothing))
        self.score.copy_(torch.where(found, smoothed, self.score))
        self.best.copy_(torch.where(found, torch.fmax(self.best, scores), self.best))
        raw = self._level() if self._settings.priority == "level" else self._lag()
        self.current.copy_(_of_mean_one(raw, self.current))

    def _lag(self) -> Float[Tensor, "T"]:
        """Weigh by the distance to the target or the best; NaN where no score is known."""
        reference = torch.where(self.target.isnan(), self.best, self.target)
        size = (reference.abs() + self.score.abs()).clamp(min=1e-12)
        lag = (2 * (reference - self.score) / size).clamp(min=0)
        # Of differences only, so that a lag of many temperatures does not overflow.
        return torch.exp((lag - lag.nan_to_num(0.0).max()) / self._settings.temperature)

    def _level(self) -> Float[Tensor, "T"]:
        """Weigh by the paper's focal form; NaN where no score is known."""
        indicator = self.score.clamp(min=1e-6)
        return -((1 - indicator) ** self._settings.gamma) * torch.log(indicator)

    def _check(self, scores: Float[Tensor, "T"], found: Bool[Tensor, "T"]) -> None:
        """Refuse scores without a level."""
        if self._settings.priority == "lag":
            return
        for name, score, there in zip(self._names, scores.tolist(), found.tolist(), strict=True):
            if there and not 0 <= score <= 1:
                raise RecipeError(
                    "`balance.priority: level` should meet deciding metrics between 0 and 1, of which more is better. "
                    f"Found {score:.4g} for task `{name}`. Choose another `metric` for the task, or `priority: lag`."
                )


def _targets(targets: Mapping[str, float], names: Sequence[str]) -> list[float]:
    known("targets", targets, names)
    return [targets.get(name, float("nan")) for name in names]


def _of_mean_one(raw: Float[Tensor, "T"], before: Float[Tensor, "T"]) -> Float[Tensor, "T"]:
    """Scale the known weights to a mean of 1; tasks without one keep theirs."""
    there = raw.isfinite()
    total = torch.where(there, raw, 0).sum()
    even = torch.where(total > 0, raw * there.sum() / total.clamp(min=1e-30), 1.0)
    return torch.where(there, even, before)
