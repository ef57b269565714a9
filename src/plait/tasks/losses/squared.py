"""The squared error."""

from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from plait.schema import Settings as Base
from plait.tasks.losses.loss import ValueLoss

__all__ = ["Squared"]


@final
class Squared(ValueLoss):
    """Charge the square of the error; least at the expectation.

        l(z, t) = (z - t)^2

    Relations:
        `Huber` where a few labels are far off and should not decide; `Quantile` where the question is how little or how much
        it may be.
    """

    class Settings(Base):
        """The squared error."""

        kind: Literal["squared"] = "squared"

    outputs = 1
    levels = ()

    def start(self) -> Float[Tensor, " O"]:
        """Return the mean."""
        return torch.zeros(1)

    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the squared error."""
        return (output[:, 0] - target).square()

    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the value as it is."""
        return output
