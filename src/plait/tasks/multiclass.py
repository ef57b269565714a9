"""One of several classes: a department, a reason."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.losses.classes import Softmax
from plait.tasks.losses.resample import ExclusiveTask, given_weights, times
from plait.tasks.prior import start_at

__all__ = ["Multiclass"]


@final
class Multiclass(Head):
    """Predict the probability of each class.

        loss = -log softmax(z)_y,    z the outputs, y the class

    The biases start at the logarithm of the classes' rates in the training part. `Softmax` says what the settings change in
    it; predictions are probabilities on the scale of the data whatever they are.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss, class weights, smoothing, resampling.

    Raises:
        RecipeError: a weight or a number of times is for a class that the training part does not have.

    Shape:
        O = P = number of classes, L = 1 (a class number).
    """

    class Settings(ExclusiveTask):
        """One of several classes."""

        kind: Literal["multiclass"]

    metric: ClassVar[str] = "accuracy"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.classes = list(task.classes)
        self.network = tower(width, layers, len(self.classes))
        given, often = given_weights(settings, task), times(settings, task)
        rates = torch.tensor(task.class_rate)
        self.loss = Softmax(settings, rates, task.examples, given, often)
        start_at(self.network, self.loss.start(rates.clamp(min=1e-4).log()))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute one logit per class."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example."""
        each: Tensor = self.loss(output, label[:, 0].long())
        return each

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of each class."""
        return self.loss.log_chances(output).exp()

    @property
    def columns(self) -> list[str]:
        """Name the classes."""
        return self.classes
