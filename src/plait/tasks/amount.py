"""A quantity with many zeros and a heavy tail: spend, minutes watched."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.layout import TaskLayout
from plait.tasks.base import Conditional, tower
from plait.tasks.given import ChainedTask
from plait.tasks.prior import start_at

__all__ = ["Amount"]


@final
class Amount(Conditional):
    """Predict an expected amount with Tweedie's deviance, for labels of 0 and above.

        loss = -y mu^(1-p) / (1 - p) + mu^(2-p) / (2 - p),    mu = exp(z),    1 < p < 2

    in units of the mean of the training labels (y is divided by it). That is, up to what does not depend on mu, the negative
    log-likelihood of a Poisson number of payments of gamma size: a lump at 0 and a tail, in one output. The expectation is
    estimated consistently whatever the true distribution is, where a zero-inflated lognormal has to get the tail's variance
    right to get the mean right.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.
        settings: the power.

    Shape:
        O = P = 1, L = 1.

    References:
        Jorgensen: Exponential Dispersion Models, JRSS B 49, 1987; Yang, Qian, Zou: Insurance Premium Prediction via Gradient
        Tree-Boosted Tweedie Compound Poisson Models, 2018, https://arxiv.org/abs/1508.06378. The alternative: Wang et al.
        (ZILN), https://arxiv.org/abs/1912.07753.
    """

    class Settings(ChainedTask):
        """A quantity with many zeros and a heavy tail."""

        kind: Literal["amount"]
        power: float = Field(default=1.5, gt=1, lt=2)
        """p: near 1 for many small payments, near 2 for a few of widely different size."""

    metric: ClassVar[str] = "gini"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.unit = task.mean if task.mean > 0 else 1.0
        self.power = settings.power
        self.network = tower(width, layers, 1)
        start_at(self.network, torch.zeros(1))

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the logarithm of the expected amount, in units of the mean."""
        output: Tensor = self.network(hidden)
        return output

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute half the deviance of each example, less what does not depend on the output."""
        value, p = _bounded(output[:, 0]), self.power
        amount = label[:, 0] / self.unit
        return amount * torch.exp((1 - p) * value) / (p - 1) + torch.exp((2 - p) * value) / (2 - p)

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the expected amount on the label's scale."""
        return self.unit * torch.exp(_bounded(output))

    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B"]) -> Float[Tensor, "B O"]:
        """Return the logarithm of the expectation: the chance of the condition times the amount."""
        return output + functional.logsigmoid(condition)[:, None]

    def start(self, chance: float) -> None:
        """Begin at the mean among the examples where the condition happened."""
        start_at(self.network, -torch.tensor([chance]).clamp(1e-4, 1).log())

    @property
    def columns(self) -> list[str]:
        """Name the value."""
        return ["value"]


def _bounded(value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Keep the logarithm within what float32 can raise; the mean times e^12 is past any amount worth telling apart."""
    return value.clamp(-12, 12)
