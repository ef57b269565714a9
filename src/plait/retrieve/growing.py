"""Rows that came after an index was built: compared one by one beside it, so they are found at once."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.errors import RecipeError
from plait.retrieve.base import Found, Search, merged
from plait.retrieve.exact import Exact

__all__ = ["Growing"]


@final
class Growing(Search):
    """Search an index that never changes, and the rows behind it exactly.

    Adding makes a new search over the same index; whoever still asks the old one gets the old answer.

    Args:
        index: finds the first rows.
        later: places of the rows behind them.

    Attributes:
        tail: how many rows are compared one by one; with many it is time to build the index anew.
    """

    def __init__(self, index: Search, later: Float[Tensor, "n R"]) -> None:
        if later.ndim != 2 or later.shape[1] != index.width:
            raise RecipeError(
                f"`later` should have shape (n, {index.width}), the length of the index's places. "
                f"Found {tuple(later.shape)}."
            )
        self._index = index
        self._later = later.float()
        self._exact = Exact(torch.cat([self._later.new_zeros(1, index.width), self._later]))
        self.tail = len(later)
        self.rows = index.rows + len(later)
        self.width = index.width

    def grown(self, places: Float[Tensor, "n R"]) -> "Growing":
        """Return a search that knows some rows more, behind all others."""
        return Growing(self._index, torch.cat([self._later, places.float()]))

    def top(
        self,
        queries: Float[Tensor, "B R"],
        count: int,
        excluded: Sequence[Int[Tensor, "_"]] | None = None,
        allowed: Bool[Tensor, " N"] | None = None,
    ) -> Found:
        """Return the best rows for each query; see `Search.top`."""
        self.check(queries, count, excluded, allowed)
        if self.tail == 0:
            return self._index.top(queries, count, excluded, allowed)
        border = self._index.rows
        early = late = None
        if excluded is not None:
            early = [rows[rows <= border] for rows in excluded]
            late = [rows[rows > border] - border for rows in excluded]
        before = after = None
        if allowed is not None:
            before, after = allowed[: border + 1], torch.cat([allowed.new_zeros(1), allowed[border + 1 :]])
        first = self._index.top(queries, count, early, before)
        second = self._exact.top(queries, count, late, after)
        return merged([first, Found(torch.where(second.rows > 0, second.rows + border, 0), second.scores)], count)
