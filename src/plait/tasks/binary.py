"""Yes or no: clicks, purchases, returns."""

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

__all__ = ["Binary"]


@final
class Binary(Head):
    """Predict the probability of yes.

        loss = -y log p - (1 - y) log(1 - p),    p = sigmoid(z),    z the output

    computed from z, so that it stays finite. The bias starts at the log odds of the training part.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.

    Shape:
        O = P = 1, L = 1.
    """

    class Settings(schema.Task):
        """Yes or no."""

        kind: Literal["binary"]

    metric: ClassVar[str] = "auc"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.network = tower(width, layers, 1)
        start_at(self.network, log_odds(task.mean))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the log odds of yes."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the cross-entropy of each example."""
        return functional.binary_cross_entropy_with_logits(output[:, 0], label[:, 0], reduction="none")

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of yes."""
        return torch.sigmoid(output)

    @property
    def columns(self) -> list[str]:
        """Name the probability."""
        return ["probability"]
