"""Exact search: every place is compared, in chunks, so memory does not grow with the catalogue."""

from collections.abc import Sequence
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.errors import RecipeError
from plait.retrieve.base import Found, Search

__all__ = ["Exact", "best"]

_FEW: Final = 0.2


@final
class Exact(Search):
    """Compare a query with every place.

    A chunk's best are merged with the best so far, so memory is `B x (chunk + 2k)` whatever the number of rows. It is the
    yardstick that approximate searches are measured against, and fast enough up to about 100,000 rows.

    Args:
        places: one place per row; row 0 is not searched.
        chunk: how many rows are compared at a time.

    Attributes:
        places: in float32.
        finite: which of them are finite.
    """

    def __init__(self, places: Float[Tensor, "N R"], chunk: int = 65_536) -> None:
        if chunk < 1:
            raise RecipeError(f"`chunk` should be at least 1, since so many rows are compared at a time. Found {chunk}.")
        self.places = places.float().contiguous()
        self.finite = self.places.isfinite().all(dim=1)
        self._all_finite = bool(self.finite.all())
        self._chunk = chunk
        self.rows = max(places.shape[0] - 1, 0)
        self.width = places.shape[1]

    def top(
        self,
        queries: Float[Tensor, "B R"],
        count: int,
        excluded: Sequence[Int[Tensor, "_"]] | None = None,
        allowed: Bool[Tensor, " N"] | None = None,
    ) -> Found:
        """Return the best rows for each query; see `Search.top`."""
        self.check(queries, count, excluded, allowed)
        wanted = queries.float()
        if allowed is not None:
            few = allowed.nonzero()[:, 0]
            few = few[few > 0]
            if len(few) <= self.rows * _FEW:
                return self._among(wanted, count, few, excluded)
        size = len(wanted)
        found = torch.full((size, count), -torch.inf)
        rows = torch.zeros(size, count, dtype=torch.int64)
        for start in range(1, self.rows + 1, self._chunk):
            stop = min(start + self._chunk, self.rows + 1)
            scores = wanted @ self.places[start:stop].T
            self._hide(scores, start, stop, excluded, allowed)
            inside = best(scores, min(count, stop - start))
            both = torch.cat([found, scores.gather(1, inside)], dim=1)
            order = best(both, count)
            found, rows = both.gather(1, order), torch.cat([rows, inside + start], dim=1).gather(1, order)
        return Found(rows.masked_fill(found == -torch.inf, 0), found)

    def _among(
        self, queries: Float[Tensor, "B R"], count: int, few: Int[Tensor, " n"], excluded: Sequence[Tensor] | None
    ) -> Found:
        """Search some rows, in ascending order, by comparing only them."""
        part = Exact(torch.cat([self.places[:1], self.places.index_select(0, few)]), self._chunk)
        inside = None
        if excluded is not None:
            inside = [torch.isin(few, rows.long()).nonzero()[:, 0] + 1 for rows in excluded]
        found = part.top(queries, count, inside)
        return Found(torch.cat([few.new_zeros(1), few])[found.rows], found.scores)

    def _hide(
        self,
        scores: Float[Tensor, "B n"],
        start: int,
        stop: int,
        excluded: Sequence[Int[Tensor, "_"]] | None,
        allowed: Bool[Tensor, " N"] | None,
    ) -> None:
        """Give the rows of a chunk that may not be shown to a query the score of none."""
        if allowed is not None:
            scores.masked_fill_(~(self.finite[start:stop] & allowed[start:stop]), -torch.inf)
        elif not self._all_finite:
            scores.masked_fill_(~self.finite[start:stop], -torch.inf)
        for i, rows in enumerate(excluded or ()):
            inside = rows[(rows >= start) & (rows < stop)].long()
            scores[i, inside - start] = -torch.inf


def best(scores: Float[Tensor, "B n"], count: int) -> Int[Tensor, "B k"]:
    """Return the columns of the largest scores, of equal ones the earlier first.

    `topk` promises no order among equal scores. Where none stand across the border of the best, only these have to be put in
    order; else all.
    """
    if scores.shape[1] > count:
        found = scores.topk(count + 1, dim=1)
        if bool((found.values[:, count - 1] > found.values[:, count]).all()):
            places = found.indices[:, :count].sort(dim=1).values
            return places.gather(1, _strict(scores.gather(1, places)).argsort(dim=1, descending=True))
    return _strict(scores).topk(count, dim=1).indices


def _strict(scores: Float[Tensor, "B n"]) -> Int[Tensor, "B n"]:
    """Return whole numbers in the order of some scores, of equal ones the earlier larger.

    `topk` promises no order among equal scores, and a stable sort takes ten times as long. The bits of a float, those below
    0 turned round, are in its order; the place stands in the lower half.
    """
    bits = (scores + 0.0).view(torch.int32).long()
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return (ordered << 32) - torch.arange(scores.shape[1])
