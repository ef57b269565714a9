"""Which step moved an item: its place among the candidates after each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Place", "stages"]


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stood after a step.

    Attributes:
        stage: name of the step.
        place: from 1; None where it was not among those that are left.
        among: how many were left.
        moved: places won since the step before (below 0: lost); None where it was not there before or after.
    """

    stage: str
    place: int | None
    among: int
    moved: int | None


def stages(
    item: int, candidates: Int[Tensor, " C"], scores: Mapping[str, Float[Tensor, " C"]], shown: Int[Tensor, " k"]
) -> list[Place]:
    """Follow an item from what was found to what is shown.

    Args:
        item: its number.
        candidates: what was found, best first.
        scores: for each step between, in order, what it gives the candidates; those that share a score share a place.
        shown: what is shown at last, best first.
    """
    where = (candidates == item).nonzero()[:, 0]
    at = int(where[0]) if len(where) else None
    found: list[tuple[str, int | None, int]] = [("retrieve", None if at is None else at + 1, len(candidates))]
    for name, values in scores.items():
        place = None if at is None else 1 + int((torch.nan_to_num(values, -torch.inf) > values[at]).sum())
        found.append((name, place, len(candidates)))
    last = (shown == item).nonzero()[:, 0]
    found.append(("shown", int(last[0]) + 1 if len(last) else None, len(shown)))
    return [
        Place(name, place, among, None if i == 0 or place is None or (was := found[i - 1][1]) is None else was - place)
        for i, (name, place, among) in enumerate(found)
    ]
