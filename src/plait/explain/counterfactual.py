"""What would have to be different: the fewest parts without which a decision turns."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["counterfactual"]


def counterfactual(
    score: Callable[[Bool[Tensor, "B F"]], Float[Tensor, " B"]],
    parts: int,
    threshold: float,
    most: int = 5,
) -> list[int] | None:
    """Return a set of parts without which a score is on the other side of a threshold; None where few parts do not do it.

    Single parts are tried first, so where one is enough one is returned. Otherwise the part that moves the score most
    is taken out until it turns, and then each that turns out to be needless is put back: no part of what is returned can be
    spared, though a smaller set of quite other parts may exist.

    Args:
        score: scores rows of present parts; asked once for each part taken out or put back.
        parts: F, how many parts there are.
        threshold: the decision is whether the score is at least this.
        most: how many parts may be taken out.

    References:
        Wachter, Mittelstadt, Russell: Counterfactual Explanations without Opening the Black Box, 2017,
        https://arxiv.org/abs/1711.00399.
    """
    if parts == 0:
        return None
    before = bool(score(torch.ones(1, parts, dtype=torch.bool))[0] >= threshold)
    out: list[int] = []
    while len(out) < min(most, parts):
        left = [part for part in range(parts) if part not in out]
        scores = score(_without([[*out, part] for part in left], parts))
        best = int((scores.argmin() if before else scores.argmax()).item())
        out.append(left[best])
        if bool(scores[best] >= threshold) != before:
            return _needed(score, out, parts, threshold, before)
    return None


def _needed(score: Callable[[Tensor], Tensor], out: list[int], parts: int, threshold: float, before: bool) -> list[int]:
    """Put back every part that the turn does not need."""
    kept = list(out)
    for part in out[:-1]:
        fewer = [one for one in kept if one != part]
        if bool(score(_without([fewer], parts))[0] >= threshold) != before:
            kept = fewer
    return kept


def _without(sets: list[list[int]], parts: int) -> Bool[Tensor, "B F"]:
    present = torch.ones(len(sets), parts, dtype=torch.bool)
    for row, some in enumerate(sets):
        present[row, some] = False
    return present
