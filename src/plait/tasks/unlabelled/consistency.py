"""Consistency: two readings of a row without a label should agree."""

from typing import Final, Literal, final

from jaxtyping import Float
from torch import Tensor

from plait.tasks.unlabelled.base import Unlabelled, UnlabelledSettings, ramp

__all__ = ["Consistency"]

_LEAST: Final = 1e-7


@final
class Consistency(Unlabelled):
    """Ask that predictions do not change when a part of a row is left out.

        loss = w(t) mean_i d(p_i, q_i)
        kl   d = (KL(p | q) + KL(q | p)) / 2
        mse  d = sum_c (p_c - q_c)^2 / C

    with p the chances of a row with everything it says, q those of the same row with a part left out, and w the weight,
    which rises from 0 as training goes on. Gradients flow through both. Dropout in the body differs between the two as well.

    Args:
        settings: weight, distance.

    Relations:
        `pseudo` believes what the model is sure of; this believes nothing, and so also learns from rows it is unsure of.

    References:
        Laine, Aila: Temporal Ensembling, ICLR 2017, https://arxiv.org/abs/1610.02242 (the Pi-model: `mse`, which reads
        labelled rows twice too; here only those without a label are); Liang et al.: R-Drop, NeurIPS 2021,
        https://arxiv.org/abs/2106.14448 (`kl`).
    """

    class Settings(UnlabelledSettings):
        """Two readings of a row should agree."""

        kind: Literal["consistency"] = "consistency"
        distance: Literal["kl", "mse"] = "kl"
        """How far two predictions lie apart."""

        def build(self, answers: int) -> Unlabelled:
            """Build it."""
            return Consistency(self)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, seen: Float[Tensor, "Q C"], partly: Float[Tensor, "Q C"], done: float) -> Float[Tensor, ""]:
        """Compute the loss."""
        if self.settings.distance == "mse":
            apart = (seen - partly).square().mean(dim=1)
        else:
            # KL one way and the other: (p - q) (log p - log q), summed.
            apart = ((seen - partly) * (seen.clamp(min=_LEAST).log() - partly.clamp(min=_LEAST).log())).sum(dim=1) / 2
        return self.settings.weight * ramp(done, self.settings.after) * apart.mean()
