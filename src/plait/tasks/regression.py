"""A quantity: stars, minutes, degrees."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field
from torch import Tensor

from plait.layout import TaskLayout
from plait.schema import short_form
from plait.tasks.base import Head, tower
from plait.tasks.losses.huber import Huber
from plait.tasks.losses.loss import ValueLoss
from plait.tasks.losses.quantile import Quantile
from plait.tasks.losses.squared import Squared
from plait.tasks.prior import start_at
from plait.tasks.relations.given import ChainedTask

__all__ = ["Regression"]

AnyLoss = Annotated[
    Annotated[Squared.Settings | Huber.Settings | Quantile.Settings, Field(discriminator="kind")],
    BeforeValidator(short_form),
]


@final
class Regression(Head):
    """Predict a value, or quantiles of it.

        loss = l(z, (y - m) / s),    prediction = m + s z

    with z the output, m and s the mean and the standard deviation of the labels of the training part, and l the squared
    error where the settings do not say otherwise. Then a loss near 1 means that nothing is explained, whatever the label's
    unit.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss.

    Shape:
        O = P = 1, L = 1; for K > 1 quantiles O = K and P = 1 + K, the first being the one nearest to the median.

    Relations:
        For many zeros and a heavy tail see `Amount`; for a few ordered levels see `Ordinal`.
    """

    class Settings(ChainedTask):
        """A quantity."""

        kind: Literal["regression"]
        loss: AnyLoss = Squared.Settings()
        """What an error costs."""

    metric: ClassVar[str] = "rmse"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.mean, self.std = task.mean, task.std
        self.loss = _build(settings)
        self.levels = self.loss.levels
        self.network = tower(width, layers, self.loss.outputs)
        start_at(self.network, self.loss.start())

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute what the loss reads, in standardised values."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example in units of the label's deviation."""
        return self.loss.losses(output, (label[:, 0] - self.mean) / self.std)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the value on the label's scale; for several quantiles the middle one, then all."""
        values = self.mean + self.std * self.loss.values(output)
        if len(self.levels) < 2:
            return values
        middle = min(range(len(self.levels)), key=lambda place: abs(self.levels[place] - 0.5))
        return torch.cat([values[:, middle : middle + 1], values], dim=1)

    @property
    def columns(self) -> list[str]:
        """Name the value, and the quantiles where there are several."""
        return ["value"] + ([f"q{100 * level:g}" for level in self.levels] if len(self.levels) > 1 else [])


def _build(settings: Regression.Settings) -> ValueLoss:
    match settings.loss:
        case Huber.Settings():
            return Huber(settings.loss)
        case Quantile.Settings():
            return Quantile(settings.loss)
        case Squared.Settings():
            return Squared()
