"""What each feature adds to a score: the score with all of them, less the score without one, for every task at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.errors import RecipeError

__all__ = ["Ablation", "Scored", "ablate"]

Scored = Callable[[Bool[Tensor, "B F"]], Float[Tensor, "B T"]]
"""Given for each row which parts are present, the score of every task."""


@final
@dataclass(frozen=True, slots=True)
class Ablation:
    """What the parts of one example do to its scores."""

    full: Float[Tensor, " T"]
    """Scores with all parts."""
    nothing: Float[Tensor, " T"]
    """Scores without any."""
    effects: Float[Tensor, "F T"]
    """Score with all parts less score without this one: above 0, the part speaks for it."""

    def order(self, task: int) -> list[int]:
        """Return the parts by the size of their effect on a task, the largest first."""
        return self.effects[:, task].abs().argsort(descending=True, stable=True).tolist()


def ablate(score: Scored, parts: int, groups: Sequence[Sequence[int]] | None = None) -> Ablation:
    """Leave out each part once, in one batch with the whole and with nothing.

    Effects need not add up to the score: parts that can stand for each other both seem to do little.

    Args:
        score: scores rows of present parts; asked once.
        parts: F, how many parts there are.
        groups: parts that are left out together; each by itself where not said.

    Raises:
        RecipeError: a group names a part that there is not, or the scores are no numbers.

    References:
        Covert, Lundberg, Lee: Explaining by Removing, 2021, https://arxiv.org/abs/2011.14878.
    """
    chosen = [[part] for part in range(parts)] if groups is None else groups
    present = torch.ones(len(chosen) + 2, parts, dtype=torch.bool)
    for row, group in enumerate(chosen):
        if any(not 0 <= part < parts for part in group):
            raise RecipeError(f"A group should name parts from 0 to {parts - 1}. Found {list(group)}.")
        present[row, list(group)] = False
    present[-1] = False
    scores = score(present)
    if not bool(scores.isfinite().all()):
        raise RecipeError("Scores should be finite, so that they can be compared. Found some that are not.")
    full = scores[-2]
    return Ablation(full, scores[-1], full - scores[:-2])
