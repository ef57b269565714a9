"""Texts of many lengths → passes of an encoder with little padding."""

from itertools import pairwise
from typing import Final

import torch
from jaxtyping import Bool, Int
from torch import Tensor

__all__ = ["cut", "pad"]

_SLACK: Final = 0.8
"""A text shorter than this share of the longest begins a pass of its own, once the pass is worth it."""
_WORTH: Final = 1024
"""Tokens from which a pass is worth what calling the encoder costs."""


def cut(lengths: Int[Tensor, " U"], most: int) -> list[Int[Tensor, "_"]]:
    """Part texts into passes, the longest first, so that the texts of one pass are of about one length.

    Args:
        lengths: tokens of each text; those of none are in no pass.
        most: tokens of a pass, padding included, but at least one text.

    Returns:
        The numbers of the texts of each pass.
    """
    order = lengths.argsort(descending=True, stable=True)
    sizes = lengths.index_select(0, order).tolist()
    cuts, longest, start = [], 0, 0
    for place, size in enumerate(sizes):
        if size == 0:
            sizes = sizes[:place]
            break
        padded = longest * (place - start)
        if place == start or padded + longest > most or (size < _SLACK * longest and padded >= _WORTH):
            cuts.append(place)
            longest, start = size, place
    return [order[first:last] for first, last in pairwise([*cuts, len(sizes)])]


def pad(
    ids: Int[Tensor, " tokens"], starts: Int[Tensor, " b"], lengths: Int[Tensor, " b"], padding: int
) -> tuple[Int[Tensor, "b L"], Bool[Tensor, "b L"]]:
    """Lay the tokens of some texts below each other, and say where a token stands; padding is on the right."""
    places = torch.arange(int(lengths.max()))
    seen = places < lengths[:, None]
    found = ids[torch.where(seen, starts[:, None] + places, 0)].long()
    return found.masked_fill_(~seen, padding), seen
