"""The right row out of a whole table: the next product, the next film."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from plait import schema
from plait.tasks.base import TwoTower
from plait.tasks.links import Move, Score
from plait.tasks.towers import Towers, sampled_softmax

__all__ = ["Retrieval"]


@final
class Retrieval(TwoTower):
    """Find the row that the key points at with two towers and a sampled softmax.

        score(q, c) = <q, c> / tau

    with q the query's and c the candidate's place in the common space, both of length one, and tau the temperature. The
    loss is `sampled_softmax` over the batch's own candidates and the sampled negatives. For links between rows (a table of
    facts), `score` says how their kind moves the query's place; see `Move`.

    Args:
        width: H.
        rows: D, the length of the candidates' row vectors.
        layers: widths of each tower.
        settings: space and temperature.

    References:
        Yi et al.: Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations, RecSys 2019,
        https://doi.org/10.1145/3298689.3346996.
    """

    class Settings(schema.Task):
        """The right row out of a whole table."""

        kind: Literal["retrieval"]
        space: int = Field(default=64, ge=1)
        """Length of the vectors that are compared."""
        temperature: float = Field(default=0.1, gt=0)
        """The smaller, the more the hardest negatives count."""
        score: Score = "cosine"
        """How a query is compared with a candidate; all but `cosine` are for links of several kinds."""

        @model_validator(mode="after")
        def _even(self) -> "Retrieval.Settings":
            if self.score == "complex" and self.space % 2:
                raise ValueError(
                    f"with `score: complex`, `space` should be even, for a real and an imaginary half. Found {self.space}."
                )
            return self

    metric: ClassVar[str] = "ndcg@10"

    def __init__(self, width: int, rows: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.temperature = settings.temperature
        self.towers = Towers(width, rows, layers, settings.space)
        self.move = None if settings.score == "cosine" else Move(width, layers, settings.space, settings.score)

    def query(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Place queries in the common space."""
        place = self.towers.query(hidden)
        return place if self.move is None else self.move(place, hidden)

    def candidates(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N R"]:
        """Place candidates in the common space."""
        return self.towers.candidates(rows)

    def losses(
        self,
        query: Float[Tensor, "B R"],
        candidates: Float[Tensor, "N R"],
        items: Int[Tensor, "N"],
        log_q: Float[Tensor, "N"],
        label: Float[Tensor, "B L"],
    ) -> Float[Tensor, "B"]:
        """Compute the sampled softmax of each query."""
        return sampled_softmax(self.scores(query, candidates), items, log_q)

    def pair_scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "B R"]) -> Float[Tensor, "B"]:
        """Score one candidate per query."""
        return self._compared(query, (query * candidates).sum(1), candidates)

    def scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "N R"]) -> Float[Tensor, "B N"]:
        """Score every candidate for every query."""
        return self._compared(query[:, None], query @ candidates.T, candidates)

    def _compared(
        self, query: Float[Tensor, "*B R"], products: Float[Tensor, "..."], candidates: Float[Tensor, "N R"]
    ) -> Float[Tensor, "..."]:
        """Turn inner products into scores; distances by way of them, so that nothing of `[B, N, R]` is laid out."""
        if self.move is None or self.move.score != "transe":
            return products / self.temperature
        squares = query.square().sum(-1) + candidates.square().sum(1) - 2 * products
        return -squares.clamp(min=1e-12).sqrt() / self.temperature
