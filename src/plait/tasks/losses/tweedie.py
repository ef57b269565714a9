"""A Poisson number of payments of gamma size: a lump at 0 and a tail in one output."""

from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.schema import Settings as Base
from plait.tasks.losses.loss import AmountLoss

__all__ = ["Tweedie"]

_FAR = 12.0
"""The mean times e^12 is past any amount worth telling apart, and within what float32 can raise."""


@final
class Tweedie(AmountLoss):
    """Estimate an expected amount with Tweedie's deviance.

        l(z, t) = -t mu^(1-p) / (1 - p) + mu^(2-p) / (2 - p),    mu = exp(z),    1 < p < 2

    That is, up to what does not depend on mu, the negative log-likelihood of a Poisson number of payments of gamma size. The
    expectation is estimated consistently whatever the true distribution is.

    Args:
        settings: the power.

    References:
        Jorgensen: Exponential Dispersion Models, JRSS B 49, 1987; Yang, Qian, Zou: Insurance Premium Prediction via Gradient
        Tree-Boosted Tweedie Compound Poisson Models, 2018, https://arxiv.org/abs/1508.06378.

    Relations:
        `Lognormal` says how the tail looks, and is wrong about the mean where the tail is not so.
    """

    class Settings(Base):
        """A lump at 0 and a tail in one output."""

        kind: Literal["tweedie"] = "tweedie"
        power: float = Field(default=1.5, gt=1, lt=2)
        """p: near 1 for many small payments, near 2 for a few of widely different size."""

    outputs = 1

    def __init__(self, settings: Settings) -> None:
        self.power = settings.power

    def start(self, chance: float) -> Float[Tensor, " O"]:
        """Return the logarithm of the mean among the examples with an amount to expect."""
        return -torch.tensor([chance]).clamp(1e-4, 1).log()

    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute half the deviance of each example, less what does not depend on the output."""
        value, p = output[:, 0].clamp(-_FAR, _FAR), self.power
        return target * torch.exp((1 - p) * value) / (p - 1) + torch.exp((2 - p) * value) / (2 - p)

    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B 1"]:
        """Return the expectation."""
        return torch.exp(output.clamp(-_FAR, _FAR))

    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B 1"]) -> Float[Tensor, "B O"]:
        """Return the logarithm of the expectation: the chance of the condition times the amount."""
        return output + functional.logsigmoid(condition)
