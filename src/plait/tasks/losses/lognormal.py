"""Nothing, or an amount whose logarithm is normal."""

from typing import Final, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from plait.layout import TaskLayout
from plait.schema import Settings as Base
from plait.tasks.losses.loss import AmountLoss
from plait.tasks.prior import log_odds
from plait.tasks.relations.relation import both

__all__ = ["Lognormal"]

_LEAST: Final = 0.1
_FAR: Final = 12.0


@final
class Lognormal(AmountLoss):
    """Estimate the chance of any amount, and the lognormal distribution of the amounts there are (ZILN).

        loss = -[t = 0] log(1 - p) - [t > 0] log p + [t > 0] (log(s / s_0) + (log t - m)^2 / (2 s^2))
        value = p exp(m + s^2 / 2),    p = sigmoid(z_1),    m = z_2,    s = s_0 + log(1 + e^{z_3})

    with t the amount in units of the mean: the negative log-likelihood, less what does not depend on the outputs, plus a
    constant. s_0 is the smallest spread that is told apart, a tenth in the logarithm; it keeps the loss at 0 or above, which
    balancing methods that take logarithms of losses need. The outputs start at the training part's rate, mean and spread.

    Args:
        task: the prepared task.

    References:
        Wang, Liu, Miao: A Deep Probabilistic Model for Customer Lifetime Value Prediction, 2019,
        https://arxiv.org/abs/1912.07753. The paper has s = log(1 + e^{z_3}), bounded below only for computing.

    Relations:
        `Tweedie` gets the mean right whatever the tail is. This one orders better where tails are lognormal, and then its
        mean is right too; where they are not, the term s^2 / 2 carries the error into every prediction: see
        `predicted_over_observed`.
    """

    class Settings(Base):
        """Nothing, or an amount whose logarithm is normal."""

        kind: Literal["lognormal"] = "lognormal"

    outputs = 3

    def __init__(self, task: TaskLayout) -> None:
        unit = torch.tensor(task.mean if task.mean > 0 else 1.0)
        spread = torch.tensor(max(task.log_std - _LEAST, 1e-3))
        self._above = task.above
        self._logarithms = (task.log_mean - unit.log(), torch.log(torch.expm1(spread)))

    def start(self, chance: float) -> Float[Tensor, " O"]:
        """Return the training part's log odds of any amount, and mean and spread of the logarithms."""
        some = log_odds(min(1.0, self._above / max(chance, 1e-9)))
        return torch.stack([some, *self._logarithms])

    def losses(self, output: Float[Tensor, "B O"], target: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Compute the loss of each example."""
        some = (target > 0).float()
        spread = _LEAST + functional.softplus(output[:, 2])
        distance = torch.log(target.clamp(min=1e-30)) - output[:, 1]
        tail = torch.log(spread / _LEAST) + 0.5 * (distance / spread).square()
        return functional.binary_cross_entropy_with_logits(output[:, 0], some, reduction="none") + some * tail

    def values(self, output: Float[Tensor, "B O"]) -> Float[Tensor, "B 1"]:
        """Return the expectation."""
        spread = _LEAST + functional.softplus(output[:, 2])
        middle = (output[:, 1] + 0.5 * spread.square()).clamp(-_FAR, _FAR)
        return torch.exp(functional.logsigmoid(output[:, 0]) + middle)[:, None]

    def under(self, output: Float[Tensor, "B O"], condition: Float[Tensor, "B 1"]) -> Float[Tensor, "B O"]:
        """Return the same with the log odds that the condition happens and there is an amount."""
        return torch.cat([both(output[:, :1], condition), output[:, 1:]], dim=1)
