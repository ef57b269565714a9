"""Any number of several classes: genres, topics."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.losses.classes import ClassTask, Logistic
from plait.tasks.losses.resample import given_weights
from plait.tasks.prior import log_odds, start_at

__all__ = ["Multilabel"]


@final
class Multilabel(Head):
    """Predict for each class whether it applies.

        loss = mean over classes c of -y_c log p_c - (1 - y_c) log(1 - p_c),    p = sigmoid(z)

    with y_c whether c is among the example's classes. The biases start at the classes' log odds in the training part.
    `Logistic` says what the settings change in it; a weight of a class is one of the rows that have it, against those that
    do not. Predictions are probabilities on the scale of the data whatever the settings are.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss, class weights, smoothing.

    Raises:
        RecipeError: a weight is for a class that the training part does not have.

    Shape:
        O = P = number of classes, L = the most classes one row has (class numbers, padded with -1).
    """

    class Settings(ClassTask):
        """Any number of several classes."""

        kind: Literal["multilabel"]

    metric: ClassVar[str] = "pr_auc"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.classes = list(task.classes)
        self.network = tower(width, layers, len(self.classes))
        having = given_weights(settings, task)
        given = torch.stack([torch.ones_like(having), having])
        rate = torch.tensor(task.class_rate)
        self.loss = Logistic(settings, torch.stack([1 - rate, rate]), task.examples, given, torch.ones_like(given))
        start_at(self.network, self.loss.start(log_odds(task.class_rate)))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the log odds of each class."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example, averaged over classes."""
        applies = output.new_zeros(output.shape[0], output.shape[1] + 1).scatter(1, label.long() + 1, 1.0)[:, 1:]
        each: Tensor = self.loss(output, applies)
        return each.mean(1)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of each class."""
        return torch.sigmoid(self.loss.log_odds(output))

    @property
    def columns(self) -> list[str]:
        """Name the classes."""
        return self.classes
