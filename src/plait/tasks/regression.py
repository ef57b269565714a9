"""A quantity: stars, minutes, degrees."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.given import ChainedTask
from plait.tasks.prior import start_at

__all__ = ["Regression"]


@final
class Regression(Head):
    """Predict a value.

        loss = (z - (y - m) / s)^2,    prediction = m + s z

    with z the output, m and s the mean and the standard deviation of the labels of the training part. A loss near 1 means
    that nothing is explained, whatever the label's unit.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.

    Shape:
        O = P = 1, L = 1.

    Relations:
        For many zeros and a heavy tail see `Amount`; for a few ordered levels see `Ordinal`.
    """

    class Settings(ChainedTask):
        """A quantity."""

        kind: Literal["regression"]

    metric: ClassVar[str] = "rmse"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.mean, self.std = task.mean, task.std
        self.network = tower(width, layers, 1)
        start_at(self.network, torch.zeros(1))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the standardised value."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the squared error of each example in units of the label's variance."""
        return (output[:, 0] - (label[:, 0] - self.mean) / self.std).square()

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the value on the label's scale."""
        return self.mean + self.std * output

    @property
    def columns(self) -> list[str]:
        """Name the value."""
        return ["value"]
