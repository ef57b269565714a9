"""One of several levels in an order: stars, severity, age groups."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from plait.layout import TaskLayout
from plait.tasks.base import Head, tower
from plait.tasks.prior import log_odds, start_at
from plait.tasks.relations.given import ChainedTask

__all__ = ["Ordinal"]

_FAR = 1e4
_LEAST_GAP = 1e-3


@final
class Ordinal(Head):
    """Predict the probability of each level with proportional odds.

        P(y > k) = sigmoid(z_k),    z_k = f(h) - b_k,    b_1 < b_2 < ... < b_{K-1}
        loss = -log P(y = k) = -log(sigmoid(z_{k-1}) - sigmoid(z_k))
             = -log sigmoid(z_{k-1}) - log sigmoid(-z_k) - log(1 - exp(z_k - z_{k-1}))

    with f the tower's one output and z_{-1} = inf, z_{K-1} = -inf for levels 0 .. K-1. The thresholds b are kept in order by
    learning the logarithm of their distances, so probabilities are never negative (CORAL keeps the order only at the
    optimum), and start where a constant f gives the levels' rates of the training part.

    Args:
        task: the prepared task.
        width: H.
        layers: widths of the task's tower.

    Shape:
        O = K - 1, P = K, L = 1 (a level number).

    References:
        McCullagh: Regression Models for Ordinal Data, JRSS B 42, 1980; Cao et al. (CORAL), https://arxiv.org/abs/1901.07884.
    """

    class Settings(ChainedTask):
        """One of several levels in an order."""

        kind: Literal["ordinal"]

    metric: ClassVar[str] = "mae"

    def __init__(self, task: TaskLayout, width: int, layers: Sequence[int]) -> None:
        super().__init__()
        self.classes = list(task.classes)
        self.network = tower(width, layers, 1)
        start_at(self.network, torch.zeros(1))
        reached = torch.tensor(task.class_rate).cumsum(0)[:-1]
        thresholds = log_odds(reached.tolist())
        self.lowest = nn.Parameter(thresholds[:1].clone())
        gaps = (thresholds[1:] - thresholds[:-1]).clamp(min=2 * _LEAST_GAP)
        self.log_gaps = nn.Parameter((gaps - _LEAST_GAP).log())

    def forward(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B O"]:
        """Compute the log odds of lying above each threshold, in float32."""
        gaps = self.log_gaps.exp() + _LEAST_GAP
        thresholds = torch.cat([self.lowest, self.lowest + gaps.cumsum(0)])
        value: Tensor = self.network(hidden)
        return value.float() - thresholds

    def losses(
        self, output: Float[Tensor, "B O"], label: Float[Tensor, "B L"], group: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B"]:
        """Compute the negative log-likelihood of each example's level."""
        level = label[:, :1].long()
        bounded = functional.pad(functional.pad(output, (1, 0), value=_FAR), (0, 1), value=-_FAR)
        lower = bounded.gather(1, level)[:, 0]
        upper = bounded.gather(1, level + 1)[:, 0]
        within = torch.log(-torch.expm1(upper - lower))
        return -functional.logsigmoid(lower) - functional.logsigmoid(-upper) - within

    def predict(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the probability of each level."""
        above = functional.pad(functional.pad(torch.sigmoid(output), (1, 0), value=1.0), (0, 1), value=0.0)
        return above[:, :-1] - above[:, 1:]

    @property
    def columns(self) -> list[str]:
        """Name the levels."""
        return self.classes
