"""The logarithm of the chance given to what happened."""

from typing import ClassVar, Literal, final

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from plait.schema import Settings as Base
from plait.tasks.losses.loss import ClassLoss

__all__ = ["CrossEntropy"]


@final
class CrossEntropy(ClassLoss):
    """Charge the logarithm of the chance given to the right class.

        l(v) = -log v

    The only loss of its family (functions of v alone) that is least at the true chances; the outputs are log odds as they
    are.

    Relations:
        Prefer it to `Focal` unless a test on your data says otherwise.
    """

    class Settings(Base):
        """The logarithm of the chance given to what happened."""

        kind: Literal["cross_entropy"] = "cross_entropy"

    proper: ClassVar[bool] = True
    slope = 1.0

    def cost(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute -log v."""
        return functional.softplus(-odds)

    def log_mass(self, odds: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Compute log v."""
        return -functional.softplus(-odds)
