"""How the kind of a link moves the place of a query: TransE, DistMult, ComplEx on two towers."""

from collections.abc import Sequence
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.tasks.base import tower

__all__ = ["Move", "Score"]

Score = Literal["cosine", "transe", "distmult", "complex"]


@final
class Move(nn.Module):
    """Move places by what the task's vector says of the kind of link.

        transe:    q + v
        distmult:  q * (1 + v)
        complex:   q * (1 + v) with complex numbers, the first half of each vector real and the second imaginary

    with q the place, of length one, and v a network of the task's vector whose last layer starts near zero, so that training
    starts near plain cosines. The score of a candidate c is then -|q - c| (transe), or <q, c>, which for complex numbers is
    the real part of q times the conjugate of c.

    In the papers q is the head's vector out of the table that the tails are in, and v the relation's out of another; here
    both are made of the task's vector, which has read head and relation, whatever else is known of them included, so that a
    head never seen in training still has a place. Candidates have length one in all of them, as the entities of TransE do.

    Args:
        width: H, of the task's vector.
        layers: widths of the network.
        space: R.
        score: which.

    Shape:
        place `[B, R]`, hidden `[B, H]` -> `[B, R]`.

    References:
        Bordes et al.: Translating Embeddings for Modeling Multi-relational Data, NIPS 2013,
        https://papers.nips.cc/paper/5071-translating-embeddings-for-modeling-multi-relational-data.
        Yang et al.: Embedding Entities and Relations for Learning and Inference in Knowledge Bases, ICLR 2015,
        https://arxiv.org/abs/1412.6575.
        Trouillon et al.: Complex Embeddings for Simple Link Prediction, ICML 2016, https://arxiv.org/abs/1606.06357.

    Relations:
        `transe` for links that lead from one to few (a film to its director), `distmult` for links that hold both ways
        (bought together), `complex` where some do and some do not. `cosine` where there is one kind of link.
    """

    def __init__(self, width: int, layers: Sequence[int], space: int, score: Score) -> None:
        super().__init__()
        self.score: Score = score
        self.network = tower(width, layers, space)
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)

    def forward(self, place: Float[Tensor, "B R"], hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Move the places."""
        moved: Tensor = self.network(hidden).float()
        match self.score:
            case "transe":
                return place + moved
            case "complex":
                real, imaginary = place.chunk(2, dim=1)
                scale, turn = moved.chunk(2, dim=1)
                scale = scale + 1
                return torch.cat([real * scale - imaginary * turn, real * turn + imaginary * scale], dim=1)
            case _:
                return place * (1 + moved)

    def __call__(self, place: Float[Tensor, "B R"], hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B R"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(place, hidden)  # type: ignore[no-any-return]
