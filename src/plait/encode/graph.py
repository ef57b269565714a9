"""What is known of a row, as one vector: the rows its facts lead to, each told by the kind of fact, pooled."""

from abc import ABC, abstractmethod
from typing import Annotated, Literal, final

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from plait import schema

__all__ = ["AnyGraph", "Attentive", "GraphEncoder", "Mean", "build_graph"]


class GraphEncoder(nn.Module, ABC):
    """Pool the facts of each row; a row of which nothing is known gets a learned vector.

        m_k = (1 + d_r) * P e_t + e_r

    is what fact k says, with e_t the row it leads to, r its kind, P a projection to W and d_r, e_r learned per kind, zero at
    the start: an operator of the kind and a vector of its own. How the m_k become one is what the methods differ in. None
    reads the row itself: what a task may not see of it would come back through the weights.

    Args:
        rows: D, the length of the neighbours' row vectors.
        relations: kinds of fact, number 0 for an unknown one.
        width: W.

    Shape:
        neighbours `[U, D]`, positions and relations `[B, K]`, position 0 for no fact -> `[B, W]`; U >= 1, B and K may be 0.
    """

    def __init__(self, rows: int, relations: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.project = nn.Linear(rows, width)
        self.gain = nn.Parameter(torch.zeros(relations, width))
        self.shift = nn.Parameter(torch.zeros(relations, width))
        self.absent = nn.Parameter(torch.randn(width) * width**-0.5)

    def forward(
        self, neighbours: Float[Tensor, "U D"], positions: Int[Tensor, "B K"], relations: Int[Tensor, "B K"]
    ) -> Float[Tensor, "B W"]:
        """Pool what is known of each row."""
        projected = self.project(neighbours)
        there = positions > 0
        kinds = relations.flatten()
        facts = projected.index_select(0, positions.flatten())
        facts = facts * (1 + self.gain.index_select(0, kinds)) + self.shift.index_select(0, kinds)
        pooled = self.pool(facts.unflatten(0, positions.shape), there)
        return torch.where(there.any(1)[:, None], pooled, self.absent.to(pooled.dtype))

    @abstractmethod
    def pool(self, facts: Float[Tensor, "B K W"], there: Bool[Tensor, "B K"]) -> Float[Tensor, "B W"]:
        """Make one vector of the facts that are there; whatever where there are none."""

    def __call__(
        self, neighbours: Float[Tensor, "U D"], positions: Int[Tensor, "B K"], relations: Int[Tensor, "B K"]
    ) -> Float[Tensor, "B W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(neighbours, positions, relations)  # type: ignore[no-any-return]


@final
class Attentive(GraphEncoder):
    """Weigh the facts of a row against each other.

        out = sum_k softmax(a)_k m_k,    a_k = u' tanh(A m_k + b)

    KGAT scores a fact by (W_r e_t)' tanh(W_r e_h + e_r), with the head h and a matrix per kind; here the kind is in m_k, by
    a diagonal, and the head is left out, since a task may see its neighbours and not its columns. KGCN's weights, of the
    user and the kind, are left to the body, which reads both.

    Args:
        rows: D.
        relations: kinds of fact.
        width: W.
        settings: the size of the unit.

    References:
        Wang et al.: KGAT: Knowledge Graph Attention Network for Recommendation, KDD 2019, https://arxiv.org/abs/1905.07854.
        Wang et al.: Knowledge Graph Convolutional Networks for Recommender Systems, WWW 2019,
        https://arxiv.org/abs/1904.12575.

    Relations:
        `Mean` where rows have few facts, or all facts say as much: it is cheaper and has less to learn.
    """

    class Settings(schema.Settings):
        """Facts weighed against each other."""

        kind: Literal["attention"] = "attention"
        hidden: int = Field(default=16, ge=1)
        """Units between fact and weight."""

    def __init__(self, rows: int, relations: int, width: int, settings: Settings) -> None:
        super().__init__(rows, relations, width)
        self.look = nn.Linear(width, settings.hidden)
        self.score = nn.Linear(settings.hidden, 1, bias=False)

    def pool(self, facts: Float[Tensor, "B K W"], there: Bool[Tensor, "B K"]) -> Float[Tensor, "B W"]:
        """Pool by attention."""
        scores = self.score(torch.tanh(self.look(facts))).flatten(1).float()
        weights = torch.softmax(scores.masked_fill(~there, torch.finfo(scores.dtype).min), dim=1) * there
        pooled: Tensor = torch.bmm(weights[:, None].to(facts.dtype), facts).flatten(1)
        return pooled


@final
class Mean(GraphEncoder):
    """Average the facts of a row.

        out = mean_k m_k

    which is CompGCN's aggregation over one hop with its product composition, without the self-loop: the row's own columns
    stand beside it in the row vector.

    Args:
        rows: D.
        relations: kinds of fact.
        width: W.

    References:
        Vashishth et al.: Composition-based Multi-Relational Graph Convolutional Networks, ICLR 2020,
        https://arxiv.org/abs/1911.03082.

    Relations:
        `Attentive` where some facts say more than others.
    """

    class Settings(schema.Settings):
        """The mean of the facts."""

        kind: Literal["mean"] = "mean"

    def pool(self, facts: Float[Tensor, "B K W"], there: Bool[Tensor, "B K"]) -> Float[Tensor, "B W"]:
        """Pool by the mean."""
        weights = there.to(facts.dtype) / there.sum(1, keepdim=True).clamp(min=1)
        pooled: Tensor = torch.bmm(weights[:, None].to(facts.dtype), facts).flatten(1)
        return pooled


AnyGraph = Annotated[Attentive.Settings | Mean.Settings, Field(discriminator="kind")]


def build_graph(settings: Attentive.Settings | Mean.Settings, rows: int, relations: int, width: int) -> GraphEncoder:
    """Build the encoder that the settings describe.

    Args:
        settings: which, and how.
        rows: the length of the neighbours' row vectors.
        relations: kinds of fact.
        width: the length of the result.
    """
    match settings:
        case Attentive.Settings():
            return Attentive(rows, relations, width, settings)
        case Mean.Settings():
            return Mean(rows, relations, width)
