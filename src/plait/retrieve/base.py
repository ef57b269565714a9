"""The contract of search: the nearest of many places to a query, without those that may not be shown."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.errors import RecipeError

__all__ = ["Found", "Search", "merged"]


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first."""

    rows: Int[Tensor, "B k"]
    """Row numbers; 0 where fewer than k could be shown."""
    scores: Float[Tensor, "B k"]
    """Inner products with the query; minus infinity where the row is 0."""


class Search(ABC):
    """Find the rows whose places have the largest inner product with a query.

    Row 0 stands for "no such row" and is never found. Equal scores are ordered by row number, so that an answer can be
    reproduced. A row whose place is not finite is never found either.

    Attributes:
        rows: how many rows can be found.
        width: length of a place.
    """

    rows: int
    width: int

    @abstractmethod
    def top(
        self,
        queries: Float[Tensor, "B R"],
        count: int,
        excluded: Sequence[Int[Tensor, "_"]] | None = None,
        allowed: Bool[Tensor, " N"] | None = None,
    ) -> Found:
        """Return the best rows for each query.

        Args:
            queries: places of the queries.
            count: k, how many are wanted; with fewer candidates the answer is filled up with row 0.
            excluded: for each query the rows that may not be shown.
            allowed: which rows may be shown to all of the queries, row 0 included in the numbering.

        Raises:
            RecipeError: the queries are not as long as the places, `count` is no positive number, `excluded` does not
                have one entry per query, or `allowed` not one per row.
        """

    def check(
        self, queries: Tensor, count: int, excluded: Sequence[Tensor] | None = None, allowed: Tensor | None = None
    ) -> None:
        """Make sure that a question fits the rows.

        Raises:
            RecipeError: it does not; see `top`.
        """
        if queries.ndim != 2 or queries.shape[1] != self.width:
            raise RecipeError(
                f"`queries` should have shape (B, {self.width}), the length of the places. Found {tuple(queries.shape)}."
            )
        if count < 1:
            raise RecipeError(f"`count` should be at least 1. Found {count}.")
        if excluded is not None and len(excluded) != len(queries):
            raise RecipeError(
                f"`excluded` should have one entry for each of the {len(queries)} queries. Found {len(excluded)}."
            )
        if allowed is not None and allowed.shape != (self.rows + 1,):
            raise RecipeError(
                f"`allowed` should have one entry for each of the {self.rows} rows and row 0. Found {tuple(allowed.shape)}."
            )


def merged(parts: Sequence[Found], count: int) -> Found:
    """Return the best of several answers to the same queries, of equal scores the smaller row first."""
    rows = torch.cat([part.rows for part in parts], dim=1)
    scores = torch.cat([part.scores for part in parts], dim=1)
    order = rows.argsort(dim=1, stable=True)
    order = order.gather(1, scores.gather(1, order).argsort(dim=1, descending=True, stable=True))[:, :count]
    best = scores.gather(1, order)
    return Found(rows.gather(1, order).masked_fill(best == -torch.inf, 0), best)
