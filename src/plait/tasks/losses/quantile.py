"""How little, how much: quantiles instead of a mean."""

from itertools import pairwise
from typing import Annotated, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from plait.schema import Settings as Base
from plait.tasks.losses.loss import ValueLoss

__all__ = ["Quantile"]


@final
class Quantile(ValueLoss):
    """Predict the values below which given shares of the labels lie, with the pinball loss.

        loss = mean over levels a of max(a (t - q_a), (a - 1) (t - q_a))
        q_1 = z_1,    q_{k+1} = q_k + log(1 + e^{z_{k+1}})

    with t the label in standard deviations from its mean. Quantiles are built from their distances, so a lower one never
    lies above a higher one (quantiles that are learned side by side cross). They start at those of a normal distribution.

    Args:
        settings: the levels.

    References:
        Koenker, Bassett: Regression Quantiles, Econometrica 1978, https://doi.org/10.2307/1913643.

    Relations:
        The level 0.5 alone is the median, the most robust of values. `Ordinal` gives all probabilities of a few levels.
    """

    class Settings(Base):
        """Quantiles instead of a mean."""

        kind: Literal["quantile"] = "quantile"
        levels: list[Annotated[float, Field(gt=0, lt=1)]] = Field(default=[0.1, 0.5, 0.9], min_length=1)
        """Shares of the labels that lie below each predicted value, ascending."""

        @field_validator("levels")
        @classmethod
        def _ascending(cls, levels: list[float]) -> list[float]:
            if any(low >= high for low, high in pairwise(levels)):
                raise ValueError("levels should ascend, each once, such as [0.1, 0.5, 0.9]")
            return levels

    def __init__(self, settings: Settings) -> None:
        self.levels = tuple(settings.levels)
        self.outputs = len(self.levels)

    def start(self) -> Float[Tensor, " O"]:
        """Return what gives the quantiles of a normal distribution."""
        quantiles = torch.special.ndtri(torch.tensor(self.levels))
        # the inverse of log(1 + e^z)
        return torch.cat([quantiles[:1], torch.log(torch.expm1(quantiles.diff().clamp(min=1e-3)))])

    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the mean pinball loss of each example."""
        levels = output.new_tensor(self.levels)
        missed = target[:, None] - self.values(output)
        return torch.maximum(levels * missed, (levels - 1) * missed).mean(dim=1)

    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B P"]:
        """Return the quantiles, ascending."""
        return torch.cat([output[:, :1], functional.softplus(output[:, 1:])], dim=1).cumsum(dim=1)
