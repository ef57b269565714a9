"""The contract of search: the nearest of many places to a query, without those that may not be shown."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Found", "Search"]


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
    def top(self, queries: Float[Tensor, "B R"], count: int, excluded: Sequence[Int[Tensor, "_"]] | None = None) -> Found:
        """Return the best rows for each query.

        Args:
            queries: places of the queries.
            count: k, how many are wanted; with fewer candidates the answer is filled up with row 0.
            excluded: for each query the rows that may not be shown.

        Raises:
            RecipeError: the queries are not as long as the places, `count` is no positive number, or `excluded` does not
                have one entry per query.
        """
