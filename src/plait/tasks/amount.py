"""A quantity with many zeros and a heavy tail: spend, minutes watched."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, final

from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field
from torch import Tensor

from plait.layout import TaskLayout
from plait.schema import short_form
from plait.tasks.base import Conditional, tower
from plait.tasks.losses.lognormal import Lognormal
from plait.tasks.losses.tweedie import Tweedie
from plait.tasks.prior import start_at
from plait.tasks.relations.given import ChainedTask

__all__ = ["Amount"]

AnyLoss = Annotated[
    Annotated[Tweedie.Settings | Lognormal.Settings, Field(discriminator="kind")], BeforeValidator(short_form)
]


@final
class Amount(Conditional):
    """Predict an expected amount, for labels of 0 and above.

        loss = l(z, y / m),    prediction = m E(z)

    with m the mean of the training labels, l and the expectation E those of the loss: Tweedie's deviance, or the
    likelihood of a zero-inflated lognormal. Whatever the loss, what is predicted is the expectation.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the loss.

    Shape:
        O = 1 (tweedie) or 3 (lognormal), P = 1, L = 1.
    """

    class Settings(ChainedTask):
        """A quantity with many zeros and a heavy tail."""

        kind: Literal["amount"]
        loss: AnyLoss = Tweedie.Settings()
        """How amounts are taken to be distributed."""

    metric: ClassVar[str] = "gini"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.unit = task.mean if task.mean > 0 else 1.0
        self.loss = Lognormal(task) if isinstance(settings.loss, Lognormal.Settings) else Tweedie(settings.loss)
        self.network = tower(width, layers, self.loss.outputs)
        self.start(1.0)

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute what the loss reads, in units of the mean."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the loss of each example."""
        return self.loss.losses(output, label[:, 0] / self.unit)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the expected amount on the label's scale."""
        return self.unit * self.loss.values(output)

    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B"]) -> Float[Tensor, "B O"]:
        """Return what is expected of all examples: the chance of the condition times the amount."""
        return self.loss.under(output, condition[:, None])

    def start(self, chance: float) -> None:
        """Begin at the mean among the examples where the condition happened."""
        start_at(self.network, self.loss.start(chance))

    @property
    def columns(self) -> list[str]:
        """Name the value."""
        return ["value"]
