"""Easy tasks first, the harder ones one after another."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from plait.balance.base import Balancer, BalanceSettings
from plait.balance.losses.weights import Scalarised
from plait.balance.named import numbers_of
from plait.balance.shares import shares
from plait.errors import RecipeError

__all__ = ["Curriculum"]


@final
class Curriculum(Scalarised):
    r"""Let the tasks enter the training one after another, the easiest first.

    With p the share of the training that is behind, k = 0, 1, ... the place of task t in the order, T tasks and p_0 the end
    of the measuring, the task's weight grows along the pacing function

        w_t = 1 for k = 0,  else clip((p - e_k) / ramp, floor, 1),    e_k = p_0 + (until - p_0) k / (T - 1)

    and is divided by the mean of all weights: those that have entered share what there is. The order is a setting; or it is
    measured: until p_0 = `measure` all tasks train alike, and difficulty is what is left of the loss then,

        d_t = (moving average of L_t) / (moving average of L_t over its first steps),

    less for a task that learned faster. A task never seen until then comes last. In a step of which no task has entered
    (`mix: alternate`) nothing moves but by `floor`.

    Args:
        weights: the recipe's weight of each task.
        names: the tasks.
        settings: order and pace.

    Raises:
        RecipeError: the order does not name every task once, or the pace ends before it begins.

    References:
        Bengio et al.: Curriculum Learning, ICML 2009, https://doi.org/10.1145/1553374.1553380; for an order of tasks
        Pentina et al.: Curriculum Learning of Multiple Tasks, CVPR 2015, https://arxiv.org/abs/1412.1353. There tasks follow
        each other and the next one starts from the last one's weights; here earlier tasks stay. Difficulty measured from the
        descent of the loss follows the learning progress of Guo et al., ECCV 2018,
        https://doi.org/10.1007/978-3-030-01270-0_17, who give the hard tasks more: the opposite order.

    Relations:
        `validation` gives the lagging tasks more. Prefer this one where a hard task disturbs the body before it has learned
        anything.
    """

    class Settings(BalanceSettings):
        """Easy tasks first."""

        kind: Literal["curriculum"] = "curriculum"
        order: list[str] = Field(default_factory=list)
        """All tasks, the easiest first; measured where not said."""
        measure: float = Field(default=0.1, gt=0, lt=1)
        """Share of the training in which difficulty is measured, where no order is given."""
        until: float = Field(default=0.5, gt=0, le=1)
        """Share of the training after which the last task enters."""
        ramp: float = Field(default=0.05, ge=0, le=1)
        """Share of the training in which the weight of a task grows from 0 to 1."""
        floor: float = Field(default=0.0, ge=0, le=1)
        """Weight of a task before it enters."""

        def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
            """Build the balancer."""
            return Curriculum(weights, names, self)

    place: Tensor
    first: Tensor
    left: Tensor
    looks: Tensor

    def __init__(self, weights: Sequence[float], names: Sequence[str], settings: Settings) -> None:
        super().__init__(weights)
        self._settings = settings
        self._measure = 0.0 if settings.order else settings.measure
        self._done = 0.0
        tasks = len(weights)
        if settings.until <= self._measure:
            raise RecipeError(
                "`balance.until` should be more than `balance.measure`, since tasks enter between the two. "
                f"Found {settings.until} and {self._measure}."
            )
        self.register_buffer("place", torch.tensor(_places(settings.order, names)))
        self.register_buffer("first", torch.zeros(tasks))
        self.register_buffer("left", torch.zeros(tasks))
        self.register_buffer("looks", torch.zeros(tasks))

    def before_step(self, done: float) -> None:
        """Remember how far the training is."""
        self._done = done

    def weigh(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return the weights of this moment, and measure while it is time to."""
        if self._done < self._measure:
            self._look(losses, present)
            return shares(torch.ones_like(losses), present)
        settings = self._settings
        entry = self._measure + (settings.until - self._measure) * self.place / max(1, len(losses) - 1)
        grown = (self._done - entry) / settings.ramp if settings.ramp else (self._done >= entry).float()
        grown = grown.clamp(min=settings.floor, max=1.0)
        return shares(torch.where(self.place == 0, 1.0, grown), present)

    def _look(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> None:
        """Follow the losses and put the tasks in order."""
        looks = self.looks + present
        # A plain mean over the first ten looks, then a moving average.
        left = self.left + (losses - self.left) / looks.clamp(min=1, max=_WINDOW)
        self.left.copy_(torch.where(present, left, self.left))
        self.first.copy_(torch.where(present & (looks <= _WINDOW), left, self.first))
        self.looks.copy_(looks)
        difficulty = torch.where(looks > 0, self.left / self.first.abs().clamp(min=1e-12), float("inf"))
        self.place.copy_(difficulty.argsort(stable=True).argsort().to(self.place.dtype))


_WINDOW = 10
"""Looks at a loss that a moving average spans."""


def _places(order: Sequence[str], names: Sequence[str]) -> list[float]:
    """Return each task's place in the order."""
    if not order:
        return [float(number) for number in range(len(names))]
    numbers = numbers_of("order", order, names)
    if len(numbers) != len(names):
        left_out = [name for name in names if name not in order]
        raise RecipeError(f"`balance.order` should name every task once. Found no `{left_out[0]}`.")
    return [float(numbers.index(number)) for number in range(len(names))]
