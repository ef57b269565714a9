"""Any number of several classes: genres, topics."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from plait import schema
from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.prior import log_odds, start_at

__all__ = ["Multilabel"]


@final
class Multilabel(Head):
    """Predict for each class whether it applies.

        loss = mean over classes c of -y_c log p_c - (1 - y_c) log(1 - p_c),    p = sigmoid(z)

    with y_c whether c is among the example's classes. The biases start at the classes' log odds in the training part.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.

    Shape:
        O = P = number of classes, L = the most classes one row has (class numbers, padded with -1).
    """

    class Settings(schema.Task):
        """Any number of several classes."""

        kind: Literal["multilabel"]

    metric: ClassVar[str] = "pr_auc"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.classes = list(task.classes)
        self.network = tower(width, layers, len(self.classes))
        start_at(self.network, log_odds(task.class_rate))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the log odds of each class."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the cross-entropy of each example, averaged over classes."""
        applies = output.new_zeros(output.shape[0], output.shape[1] + 1).scatter(1, label.long() + 1, 1.0)[:, 1:]
        return functional.binary_cross_entropy_with_logits(output, applies, reduction="none").mean(1)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of each class."""
        return torch.sigmoid(output)

    @property
    def columns(self) -> list[str]:
        """Name the classes."""
        return self.classes
