"""The contract of a loss: what an output costs beside a label, and what the outputs that cost least mean."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

__all__ = ["ClassLoss", "short"]


def short(value: object) -> object:
    """Let `focal` stand for `{kind: focal}`."""
    return {"kind": value} if isinstance(value, str) else value


class ClassLoss(ABC):
    """What the chance v given to the right class costs, as a function of its log odds u = log v - log(1 - v).

    Log odds and not v, because 1 - v is 0 in float32 long before it is 0.

    Attributes:
        proper: whether the chances that cost least are the true ones, so that outputs need no correction.
    """

    proper: ClassVar[bool]

    @abstractmethod
    def cost(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute what each class would cost if it were the right one."""

    @abstractmethod
    def log_mass(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute the logarithm of what each class's true chance is proportional to where v costs least.

        With l(v) the cost, the least of sum_c p_c l(v_c) under sum_c v_c = 1 has p_c proportional to -1 / l'(v_c).
        """
