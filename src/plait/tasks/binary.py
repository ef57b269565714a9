"""Yes or no: clicks, purchases, returns."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.base import Event, tower
from plait.tasks.losses.arrival import arrival_weight
from plait.tasks.losses.classes import Logistic
from plait.tasks.losses.resample import ExclusiveTask, given_weights, times
from plait.tasks.prior import log_odds, start_at
from plait.tasks.relations.relation import both

__all__ = ["Binary"]


@final
class Binary(Event):
    """Predict the probability of yes.

        loss = -y log p - (1 - y) log(1 - p),    p = sigmoid(z),    z the output

    computed from z, so that it stays finite. The bias starts at the log odds of the training part. `Logistic` says what the
    settings change in it: another cost, weights per class, smoothing. Whatever they are, predictions are probabilities on
    the scale of the data.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss, class weights, smoothing, resampling.

    Raises:
        RecipeError: a weight or a number of times is for a class other than 0 and 1.

    Shape:
        O = P = 1, L = 1; L = 2 for a label that may still become 1, whose loss `arrival_weight` weighs.
    """

    class Settings(ExclusiveTask):
        """Yes or no."""

        kind: Literal["binary"]

    metric: ClassVar[str] = "auc"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.rate = task.mean
        self.network = tower(width, layers, 1)
        rates = torch.tensor([[1 - task.mean], [task.mean]])
        given, often = given_weights(settings, task)[:, None], times(settings, task)[:, None]
        self.loss = Logistic(settings, rates, task.examples, given, often)
        self.start(1.0)

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the log odds of yes."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example."""
        each: Tensor = self.loss(output, label[:, :1])
        return each[:, 0] if label.shape[1] == 1 else each[:, 0] * arrival_weight(self.log_odds(output), label)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of yes."""
        return torch.sigmoid(self.loss.log_odds(output))

    def log_odds(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B"]:
        """Return the log odds of yes on the scale of the data."""
        return self.loss.log_odds(output)[:, 0]

    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B"]) -> Float[Tensor, "B O"]:
        """Return the log odds that the condition and yes happen."""
        return both(output, condition[:, None])

    def start(self, chance: float) -> None:
        """Begin at the rate among the examples where the condition happened."""
        start_at(self.network, self.loss.start(log_odds([min(1.0, self.rate / max(chance, 1e-9))])))

    @property
    def columns(self) -> list[str]:
        """Name the probability."""
        return ["probability"]
