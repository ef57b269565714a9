"""One of several classes: a department, a reason."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from plait import schema
from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.prior import start_at

__all__ = ["Multiclass"]


@final
class Multiclass(Head):
    """Predict the probability of each class.

        loss = -log softmax(z)_y,    z the outputs, y the class

    The biases start at the logarithm of the classes' rates in the training part.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.

    Shape:
        O = P = number of classes, L = 1 (a class number).
    """

    class Settings(schema.Task):
        """One of several classes."""

        kind: Literal["multiclass"]

    metric: ClassVar[str] = "accuracy"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.classes = list(task.classes)
        self.network = tower(width, layers, len(self.classes))
        start_at(self.network, torch.tensor(task.class_rate).clamp(min=1e-4).log())

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute one logit per class."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the cross-entropy of each example."""
        return functional.cross_entropy(output, label[:, 0].long(), reduction="none")

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of each class."""
        return torch.softmax(output, dim=1)

    @property
    def columns(self) -> list[str]:
        """Name the classes."""
        return self.classes
