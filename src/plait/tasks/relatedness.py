"""Whether two rows belong together: a pair table of products, questions, people."""

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from plait import schema
from plait.layout import TaskLayout
from plait.tasks.base import TwoTower
from plait.tasks.prior import log_odds
from plait.tasks.towers import Towers, sampled_softmax

__all__ = ["Relatedness"]


@final
class Relatedness(TwoTower):
    """Score how much the second row of a pair belongs to the first.

        score(q, c) = a <q, c> + b

    with q and c of length one and a > 0, b learned. Where the pair table holds pairs that belong together and pairs
    that do not, the loss is the cross-entropy of sigmoid(score); where it holds only pairs that do, every other row of
    the step is a negative and the loss is `sampled_softmax`.

    Args:
        task: the prepared task.
        width: H.
        rows: D, the length of the candidates' row vectors.
        layers: widths of each tower.
        settings: the space.
    """

    class Settings(schema.Task):
        """Whether two rows belong together."""

        kind: Literal["relatedness"]
        space: int = Field(default=64, ge=1)
        """Length of the vectors that are compared."""

    metric: ClassVar[str] = "auc"

    def __init__(self, task: TaskLayout, width: int, rows: int, layers: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.both_classes = 0 < task.mean < 1
        self.towers = Towers(width, rows, layers, settings.space)
        self.log_scale = nn.Parameter(torch.tensor(1.6 if self.both_classes else 2.3))
        self.bias = nn.Parameter(log_odds(task.mean), requires_grad=self.both_classes)

    def query(self, hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Place queries in the common space."""
        return self.towers.query(hidden)

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
        """Compute the loss of each pair."""
        if not self.both_classes:
            return sampled_softmax(self.scores(query, candidates), items, log_q)
        logits = self.pair_scores(query, candidates[: query.shape[0]])
        return functional.binary_cross_entropy_with_logits(logits, label[:, 0], reduction="none")

    def pair_scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "B R"]) -> Float[Tensor, "B"]:
        """Score one candidate per query, as log odds where the pair table has both classes."""
        return self.log_scale.exp() * (query * candidates).sum(1) + self.bias

    def scores(self, query: Float[Tensor, "B R"], candidates: Float[Tensor, "N R"]) -> Float[Tensor, "B N"]:
        """Score every candidate for every query, as log odds where the pair table has both classes."""
        return self.log_scale.exp() * (query @ candidates.T) + self.bias
