"""The contract of a loss: what an output costs beside a label, and what the outputs that cost least mean."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

__all__ = ["AmountLoss", "ClassLoss", "ValueLoss"]


class ClassLoss(ABC):
    """What the chance v given to the right class costs, as a function of its log odds u = log v - log(1 - v).

    Log odds and not v, because 1 - v is 0 in float32 long before it is 0.

    Attributes:
        proper: whether the chances that cost least are the true ones, so that outputs need no correction.
        slope: the most that true log odds rise with those of v.
    """

    proper: ClassVar[bool]
    slope: float

    @abstractmethod
    def cost(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute what each class would cost if it were the right one."""

    @abstractmethod
    def log_mass(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute the logarithm of what each class's true chance is proportional to where v costs least.

        With l(v) the cost, the least of sum_c p_c l(v_c) under sum_c v_c = 1 has p_c proportional to -1 / l'(v_c).
        """


class ValueLoss(ABC):
    """What outputs cost beside a quantity, in standard deviations from the mean.

    Attributes:
        outputs: O, how many numbers it reads.
        levels: of which quantiles `values` are; none where it is an expectation.
    """

    outputs: int
    levels: tuple[float, ...]

    @abstractmethod
    def start(self) -> Float[Tensor, " O"]:
        """Return the outputs that fit best where nothing is known of an example."""

    @abstractmethod
    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the loss of each example, 0 or more."""

    @abstractmethod
    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Turn outputs into values, one per level, or one."""


class AmountLoss(ABC):
    """What outputs cost beside an amount of 0 or more, in units of the mean.

    Attributes:
        outputs: O, how many numbers it reads.
    """

    outputs: int

    @abstractmethod
    def start(self, chance: float) -> Float[Tensor, " O"]:
        """Return the outputs that fit best where nothing is known of an example and `under` is called with this chance."""

    @abstractmethod
    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the loss of each example, 0 or more."""

    @abstractmethod
    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B 1"]:
        """Return the expectations."""

    @abstractmethod
    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B 1"]) -> Float[Tensor, "B O"]:
        """Return the outputs for all examples, of some that hold where a condition happened whose log odds are given."""
