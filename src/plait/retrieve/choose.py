"""Which search fits a catalogue: exact, with bounds where it is larger, in cells beyond; what is new stands beside it."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from plait.retrieve.base import Search
from plait.retrieve.exact import Exact
from plait.retrieve.growing import Growing
from plait.retrieve.ivf import Cells, installed
from plait.retrieve.refined import Refined

__all__ = ["choose", "worn"]

_SMALL: Final = 20_000
"""Rows up to which comparing all of them takes no longer than bounding them would."""
_EXACT: Final = 200_000
_TAIL: Final = 0.2


def choose(places: Float[Tensor, "N R"], before: Search | None = None, most: int = _EXACT) -> Search:
    """Return a search over places; without faiss it is exact whatever the size.

    Args:
        places: one place per row; row 0 is not searched.
        before: a search over the first of these same places: what was built is kept, however many came behind it.
        most: up to how many rows an answer is exact.
    """
    rows = max(len(places) - 1, 0)
    if rows <= min(_SMALL, most):
        return Exact(places)
    if isinstance(before, Growing) and before.rows <= rows and before.width == places.shape[1]:
        return before.grown(places[before.rows + 1 :])
    # A new index is wrapped at once, so that its first addition need not build it again.
    index = Refined(places) if rows <= most or not installed() else Cells(places)
    return Growing(index, torch.empty(0, places.shape[1]))


def worn(search: Search | None) -> bool:
    """Tell whether so much came behind what was built that it is time to build anew; `choose` does that without `before`."""
    return isinstance(search, Growing) and search.tail > _TAIL * search.rows
