"""Methods that decide number by number of the gradient, or leave out what lies far from the rest."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.gradients import borrowed
from plait.balance.gradients.weighting import GradientSettings, PerTask, Stateless, Weighting
from plait.balance.graph.jacobian import Jacobian
from plait.balance.graph.places import At
from plait.errors import RecipeError

__all__ = ["GradDrop", "Krum", "TrimmedMean"]


class _Coordinates(PerTask):
    """Apply a rule to every number of the tasks' gradients.

    At a mixture of experts the rule is applied at the experts' outputs; what a task reads through its gate is averaged or
    added up as the method does where tasks agree.
    """

    @abstractmethod
    def rule(self, rows: Float[Tensor, "t n"]) -> Float[Tensor, "n"]:
        """Make one number of each column."""

    @abstractmethod
    def share(self, tasks: int) -> float:
        """Return what one task's gradient counts where all agree."""

    def move(self, jacobian: Jacobian, shared: Sequence[Tensor]) -> Float[Tensor, "t"]:
        """Send what the rule says back."""
        count = len(jacobian.tasks)
        share = self.share(count)
        jacobian.send(jacobian.aggregate(self.rule, share), shared)
        return torch.full((count,), share, device=self.task_weights.device)


@final
class GradDrop(_Coordinates):
    """Keep for every number of the gradient one sign, drawn by how much of it has that sign, and add up what has it.

        P = 1/2 (1 + sum_t g_t / sum_t |g_t|),    sum of the g_t > 0 where P > u, of the g_t < 0 elsewhere,    u ~ U(0, 1)

    u comes from torch's global generator, whose state is in checkpoints. `leak` is how much of the other sign remains.

    Args:
        weights: the recipe's weight of each task.
        settings: where, and how much is let through.

    References:
        Chen et al.: Just Pick a Sign, NeurIPS 2020, https://arxiv.org/abs/2010.06808.
    """

    class Settings(BalanceSettings):
        """One sign for every number of the gradient."""

        kind: Literal["graddrop"] = "graddrop"
        at: At = "auto"
        """Where gradients are taken."""
        leak: float = Field(default=0.0, ge=0, le=1)
        """Share of what has the other sign that is let through."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return GradDrop(weights, self)

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self.leak = settings.leak

    def rule(self, rows: Float[Tensor, "t n"]) -> Float[Tensor, "n"]:
        """Pick a sign for each column."""
        up = rows.clamp(min=0).sum(0)
        down = rows.clamp(max=0).sum(0)
        purity = up / (up - down)
        chosen = torch.where(purity > torch.rand_like(purity), up, down)
        # What is no number compares as false and would be dropped in silence.
        chosen = chosen + 0 * (up + down)
        return chosen if self.leak == 0 else chosen.lerp(up + down, self.leak)

    def share(self, tasks: int) -> float:
        """Return 1: gradients are added up."""
        return 1.0


@final
class TrimmedMean(_Coordinates):
    """Leave out the `trim` largest and smallest of every number of the gradients, and take the mean of the rest.

    Needs more than 2 `trim` tasks; in a step with fewer it is the mean.

    Args:
        weights: the recipe's weight of each task.
        settings: where, and how many are left out.

    References:
        Yin et al.: Byzantine-Robust Distributed Learning, ICML 2018, https://arxiv.org/abs/1803.01498.
    """

    class Settings(BalanceSettings):
        """The mean without the extremes, number by number."""

        kind: Literal["trimmed_mean"] = "trimmed_mean"
        at: At = "auto"
        """Where gradients are taken."""
        trim: int = Field(default=1, ge=1)
        """How many tasks are left out at either end."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            _enough("trim", self.trim, "trimmed_mean", 2 * self.trim + 1, len(names))
            return TrimmedMean(weights, self)

    def __init__(self, weights: Sequence[float], settings: Settings) -> None:
        super().__init__(weights, settings.at)
        self.trim = settings.trim

    def rule(self, rows: Float[Tensor, "t n"]) -> Float[Tensor, "n"]:
        """Trim each column."""
        lines = list(rows)
        if len(lines) <= 2 * self.trim:
            return rows.mean(0)
        # Carrying the extremes to the ends by comparing neighbours is many times faster than sorting so few lines.
        for left in range(self.trim):
            for place in range(left, len(lines) - 1 - left):
                lines[place], lines[place + 1] = _ordered(lines[place], lines[place + 1])
            for place in range(len(lines) - 2 - left, left, -1):
                lines[place - 1], lines[place] = _ordered(lines[place - 1], lines[place])
        # What is not finite would be trimmed away in silence.
        return torch.stack(lines[self.trim : len(lines) - self.trim]).mean(0) + 0 * rows.sum(0)

    def share(self, tasks: int) -> float:
        """Return the share of the mean."""
        return 1 / tasks


@final
class Krum:
    """Train with the gradient that is nearest to its neighbours, and leave out those far from all others.

    The score of a task is the sum of the distances to its T - `wrong` - 2 nearest neighbours; the mean of the `selected`
    tasks with the smallest is the update. Needs at least `wrong` + 3 tasks; in a step with fewer it is the mean.

    References:
        Blanchard et al.: Machine Learning with Adversaries, NeurIPS 2017,
        https://papers.nips.cc/paper/6617-machine-learning-with-adversaries-byzantine-tolerant-gradient-descent.
    """

    class Settings(GradientSettings):
        """The gradient nearest to the others."""

        kind: Literal["krum"] = "krum"
        wrong: int = Field(default=0, ge=0)
        """How many tasks may be led astray."""
        selected: int = Field(default=1, ge=1)
        """How many tasks are averaged."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Return TorchJD's weighting."""
            _enough("wrong", self.wrong, "krum", self.wrong + 3, len(names))
            if len(names) > 1 and self.selected > len(names):
                raise RecipeError(
                    f"`balance.selected` should be at most the number of tasks, {len(names)}. Found {self.selected}."
                )
            choose, needed, selected = borrowed.krum(self.wrong, self.selected), self.wrong + 3, self.selected

            def weigh(gramian: Tensor) -> Tensor:
                count = len(gramian)
                if count < max(needed, selected):
                    return torch.full_like(gramian.diagonal(), 1 / count)
                return choose(gramian)

            return Stateless(weigh)


def _ordered(one: Tensor, two: Tensor) -> tuple[Tensor, Tensor]:
    return torch.minimum(one, two), torch.maximum(one, two)


def _enough(key: str, value: int, kind: str, needed: int, tasks: int) -> None:
    """Refuse a number of tasks at which the method would have nothing left to choose from."""
    if 1 < tasks < needed:
        raise RecipeError(
            f"`balance: {kind}` should have at least {needed} tasks with `{key}: {value}`, because it leaves some out and "
            f"needs others to compare with. Found {tasks} tasks. Choose another method, such as `upgrad`."
        )
