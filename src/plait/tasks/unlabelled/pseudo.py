"""Pseudo-labels: what the model is sure of becomes a label."""

from typing import Final, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from plait.tasks.unlabelled.base import Unlabelled, UnlabelledSettings, ramp

__all__ = ["Pseudo"]

_LEAST: Final = 1e-7


@final
class Pseudo(Unlabelled):
    r"""Take the likeliest answer for the label where its chance reaches a threshold.

        loss = w(t) mean_i [max_c p_ic >= tau_i] (-log q_{i, argmax_c p_ic})

    with p the chances of a row with everything it says, from which no gradient flows, q those of the same row with a part
    left out, and w the weight, which rises from 0 as training goes on. The mean is over all rows without a label, sure or
    not, so that few sure ones count for little. Labels are made anew in every step.

        tau_i = tau,   or balanced   tau_i = tau b / (2 - b),   b = s_c / max(1 - sum s, max s)

    for a row whose likeliest answer is c, with s_c the running share of rows whose prediction is c and above tau: a class
    the model is not yet sure of has a lower threshold.

    Args:
        answers: how many answers a question has.
        settings: weight, threshold, balance.

    Relations:
        `consistency` asks only that two readings agree and believes no label, so it has no threshold to choose and cannot
        run away with a wrong one; pseudo-labels give more where the model is right when it is sure.

    References:
        Lee: Pseudo-Label, ICML workshop 2013, which is `drop: 0`; Sohn et al.: FixMatch, NeurIPS 2020,
        https://arxiv.org/abs/2001.07685 (labels from one view, learned on a distorted one); Zhang et al.: FlexMatch, NeurIPS
        2021, https://arxiv.org/abs/2110.08263 (`balanced`; there s counts the newest prediction of each row, here it is a
        mean that forgets, so that what is kept does not grow with the table, and no threshold falls below even odds). For
        columns in place of pictures the distortion is numbers of the joint input left out.
    """

    class Settings(UnlabelledSettings):
        """The model's own sure predictions become labels."""

        kind: Literal["pseudo"] = "pseudo"
        threshold: float = Field(default=0.95, gt=0.5, lt=1)
        """The chance from which a prediction becomes a label."""
        balanced: bool = False
        """Whether classes of which the model is seldom sure have a lower threshold."""

        def build(self, answers: int) -> Unlabelled:
            """Build it."""
            return Pseudo(answers, self)

    sure: Tensor

    def __init__(self, answers: int, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("sure", torch.zeros(answers))

    def forward(self, seen: Float[Tensor, "Q C"], partly: Float[Tensor, "Q C"], done: float) -> Float[Tensor, ""]:
        """Compute the loss."""
        top, label = seen.detach().max(dim=1)
        threshold = torch.full_like(top, self.settings.threshold)
        if self.settings.balanced:
            threshold = threshold * self._ease(top, label)
        taken = (top >= threshold).to(partly.dtype)
        cost = -partly.gather(1, label[:, None])[:, 0].clamp(min=_LEAST).log()
        return self.settings.weight * ramp(done, self.settings.after) * (taken * cost).mean()

    @torch.no_grad()
    def _ease(self, top: Float[Tensor, " Q"], label: Tensor) -> Float[Tensor, " Q"]:
        """Return by what the threshold of each row is multiplied, and go on counting."""
        share = torch.zeros_like(self.sure).index_add_(0, label, (top >= self.settings.threshold).to(self.sure.dtype))
        self.sure.lerp_(share / max(len(top), 1), 0.1)
        most = torch.maximum(1 - self.sure.sum(), self.sure.max())
        b = self.sure / most.clamp(min=_LEAST)
        eased = b / (2 - b)
        return eased.clamp(min=0.5 / self.settings.threshold)[label].to(top.dtype)
