"""A relation that is learned: what the parents know is one more input."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from plait.schema import TaskKind
from plait.tasks.relations.relation import Relation, RelationSettings

__all__ = ["DBMTL"]


@final
class DBMTL(Relation):
    """Let a layer read the child's vector and its parents' side by side.

        v_child = ReLU(W [h_child, v_1, ..., v_k] + b)

    with h the vector from the body and v_i what the head of the i-th parent reads, so that the joint chance factors along
    the graph, P(child, parents | x) = P(child | parents, x) P(parents | x), with the first factor learned and nothing
    assumed about it. The parents' vectors get the gradient of the child's loss.

    Args:
        width: H.
        parents: k.
        settings: whether the order is held.

    References:
        Wang et al.: Deep Bayesian Multi-Target Learning for Recommender Systems (DBMTL), 2019,
        https://arxiv.org/abs/1902.09154. `order: exact` is not in the paper.

    Relations:
        The one relation for every kind of child and of parent but those that match rows. `AITM` weighs instead of mixing;
        `ESMM` knows that a purchase needs a click, this has to learn it.
    """

    class Settings(RelationSettings):
        """A learned layer over the child's vector and its parents'."""

        kind: Literal["dbmtl"] = "dbmtl"
        layers: list[int] = Field(default=[])
        """Widths of further layers before the last, whose width is the body's."""
        order: Literal["free", "exact"] = "free"
        """`exact` links the chance as in `esmm`: for a binary or amount child of binary parents."""
        children: ClassVar[frozenset[TaskKind]] = frozenset(
            {"binary", "multiclass", "multilabel", "regression", "ordinal", "amount", "ranking"}
        )
        parents: ClassVar[frozenset[TaskKind]] = children
        reason: ClassVar[str] = (
            "a task that matches rows must not see the right answer, and its parents do; train it beside the others"
        )

        def exact(self) -> bool:
            """Say whether the order holds exactly."""
            return self.order == "exact"

    reads_vectors = True

    def __init__(self, width: int, parents: int, settings: Settings) -> None:
        super().__init__()
        self.exact = settings.exact()
        sizes = [width * (1 + parents), *settings.layers, width]
        parts: list[nn.Module] = []
        for wide, size in pairwise(sizes):
            parts += [nn.Linear(wide, size), nn.ReLU()]
        self.network = nn.Sequential(*parts)

    def read(self, own: Float[Tensor, "B H"], parents: Sequence[Float[Tensor, "B H"]]) -> Float[Tensor, "B H"]:
        """Read all vectors side by side."""
        read: Tensor = self.network(torch.cat([own, *(parent.to(own.dtype) for parent in parents)], dim=1))
        return read
