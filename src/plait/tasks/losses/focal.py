"""Cross-entropy that turns away from what is already right."""

from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from plait.schema import Settings as Base
from plait.tasks.losses.loss import ClassLoss

__all__ = ["Focal"]

_NEARLY_ONE = 20.0


@final
class Focal(ClassLoss):
    """Charge less for what is right already, so that the many easy examples do not drown the few hard ones.

        l(v) = -(1 - v)^g log v

    v is the chance given to the right class; g = 0 is cross-entropy. The chances that cost least are not the true ones: they
    are drawn towards even odds. What they are a function of is known, so predictions go back through it:

        p_c = h(v_c) / sum_k h(v_k),    h(v) = v / ((1 - v)^g - g (1 - v)^(g-1) v log v)

    which for two classes with log odds u is

        log odds = (1 + g) u + log(1 + g r(-u)) - log(1 + g r(u)),    r(u) = e^u log(1 + e^-u)

    The weight of the paper's alpha is `class_weight` here.

    Args:
        settings: the exponent.

    References:
        Lin et al.: Focal Loss for Dense Object Detection, ICCV 2017, https://arxiv.org/abs/1708.02002; Charoenphakdee et
        al.: On Focal Loss for Class-Posterior Probability Estimation, CVPR 2021, https://arxiv.org/abs/2011.09172 (the way
        back).

    Relations:
        `CrossEntropy` needs no way back. Where a class is rare, weights and resampling shift log odds by a constant and
        leave the order of predictions to the model; the focal loss changes which examples are learned from.
    """

    class Settings(Base):
        """Cross-entropy that turns away from what is already right."""

        kind: Literal["focal"] = "focal"
        gamma: float = Field(default=2.0, ge=0)
        """g: how fast the charge falls as the right class gets likelier; 0 is cross-entropy."""

    proper: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.gamma = settings.gamma
        self.slope = 1 + settings.gamma

    def cost(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute -(1 - v)^g log v."""
        return torch.exp(-self.gamma * functional.softplus(odds)) * functional.softplus(-odds)

    def log_mass(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute log h(v)."""
        near = odds.clamp(max=_NEARLY_ONE)
        bend = torch.log1p(self.gamma * near.exp() * functional.softplus(-near))
        return self.gamma * functional.softplus(odds) - functional.softplus(-odds) - bend
