"""Weights of another method, smoothed over the steps."""

from collections.abc import Sequence
from typing import Annotated, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import BeforeValidator, Field
from torch import Tensor

from plait.balance.gradients.bargain import IMTLG, AlignedMTL, ConFIG, FairGrad, NashMTL
from plait.balance.gradients.coordinates import Krum
from plait.balance.gradients.minimum_norm import MGDA, CAGrad
from plait.balance.gradients.priority import PCD
from plait.balance.gradients.projection import DualProj, GradVac, PCGrad, UPGrad
from plait.balance.gradients.weighting import GradientSettings, Weighting
from plait.schema import short_form

__all__ = ["CRMOGM"]


@final
class CRMOGM(Weighting):
    """Smooth the weights of another method: l <- alpha l + (1 - alpha) l^.

    with l^ what the method says in this step. Noise of a batch then moves the weights less, which is what methods that solve
    a programme per step need to converge. A task starts with the first weight it is given.

    Args:
        inner: the other method's weighting.
        tasks: T.
        settings: how smooth.

    References:
        Zhou et al.: On the Convergence of Stochastic Multi-Objective Gradient Manipulation and Beyond, NeurIPS 2022,
        https://openreview.net/forum?id=ScwfQ7hdwyP.
    """

    class Settings(GradientSettings):
        """The smoothed weights of another method."""

        kind: Literal["cr_mogm"] = "cr_mogm"
        of: Annotated[
            UPGrad.Settings
            | DualProj.Settings
            | PCGrad.Settings
            | GradVac.Settings
            | PCD.Settings
            | MGDA.Settings
            | CAGrad.Settings
            | NashMTL.Settings
            | FairGrad.Settings
            | IMTLG.Settings
            | ConFIG.Settings
            | AlignedMTL.Settings
            | Krum.Settings,
            Field(discriminator="kind"),
            BeforeValidator(short_form),
        ] = MGDA.Settings()
        """The method whose weights are smoothed; where it takes gradients is said outside."""
        alpha: float = Field(default=0.9, ge=0, le=1)
        """How much of the old weights stays."""

        def weighting(self, names: Sequence[str]) -> Weighting:
            """Build the weighting."""
            return CRMOGM(self.of.weighting(names), len(names), self)

    smooth: Tensor
    known: Tensor

    def __init__(self, inner: Weighting, tasks: int, settings: Settings) -> None:
        super().__init__()
        self.inner, self.alpha = inner, settings.alpha
        self.register_buffer("smooth", torch.zeros(tasks))
        self.register_buffer("known", torch.zeros(tasks, dtype=torch.bool))

    def forward(self, gramian: Float[Tensor, "t t"], tasks: Int[Tensor, "t"]) -> Float[Tensor, "t"]:
        """Weigh the tasks and remember."""
        found = self.inner(gramian, tasks).to(self.smooth)
        before = torch.where(self.known[tasks], self.smooth[tasks], found)
        weights = self.alpha * before + (1 - self.alpha) * found
        self.smooth[tasks] = weights
        self.known[tasks] = True
        return weights
