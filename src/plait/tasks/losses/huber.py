"""The squared error near, the absolute error far."""

from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.schema import Settings as Base
from plait.tasks.losses.loss import ValueLoss

__all__ = ["Huber"]


@final
class Huber(ValueLoss):
    """Charge small errors by their square and large ones by their size, so that a few labels far off do not decide.

        l(z, t) = e^2                  where |e| <= d,    e = z - t
                = 2 d |e| - d^2        elsewhere

    with e in standard deviations of the label; twice the paper's, so that d to infinity is `Squared`. The prediction is
    neither the mean nor the median but between: on a skewed label it lies below the mean, which `MAE` (the figure that
    decides here) does not hold against it and `RMSE` does.

    Args:
        settings: where large begins.

    References:
        Huber: Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964.
    """

    class Settings(Base):
        """The squared error near, the absolute error far."""

        kind: Literal["huber"] = "huber"
        delta: float = Field(default=1.0, gt=0)
        """d: from how many standard deviations of the label an error counts by its size and not by its square."""

    outputs = 1
    levels = ()

    def __init__(self, settings: Settings) -> None:
        self.delta = settings.delta

    def start(self) -> Float[Tensor, " O"]:
        """Return the mean."""
        return torch.zeros(1)

    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the loss of each example."""
        return 2 * functional.huber_loss(output[:, 0], target, reduction="none", delta=self.delta)

    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the value as it is."""
        return output
