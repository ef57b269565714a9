"""The best items that are not all alike: a limit for each value of a column, and distance from those before."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.serve.ask.questions import RecommendAsked
from plait.serve.ask.shop import Offer

__all__ = ["spread"]


def spread(offer: Offer, rows: Int[Tensor, " C"], scores: Float[Tensor, " C"], asked: RecommendAsked) -> Int[Tensor, " k"]:
    """Choose items for an answer.

    Args:
        offer: the items.
        rows: the candidates.
        scores: what they are in order by.
        asked: how many, how diverse, how many of one kind.

    Returns:
        Places among the candidates, the best first.

    References:
        Carbonell, Goldstein: The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries,
        SIGIR 1998, https://doi.org/10.1145/290941.291025.
    """
    order = scores.argsort(descending=True, stable=True)
    if asked.diversity > 0 and len(order) > 1:
        wanted = len(order) if asked.at_most else asked.count
        order = order[_apart(_vectors(offer, rows[order]), scores[order], wanted, asked.diversity)]
    for column, most in asked.at_most.items():
        order = order[_limited(offer, column, rows[order], most)]
    return order[: asked.count]


def _apart(vectors: Float[Tensor, "C V"], scores: Float[Tensor, " C"], count: int, diversity: float) -> Int[Tensor, " k"]:
    """Choose one after the other: what is best of its place in the order less its likeness to those chosen.

    The place in the order counts and not the score, whose size a formula can make anything.
    """
    size = len(scores)
    good = 1 - torch.arange(size) / size
    alike = torch.full((size,), -torch.inf)
    left = torch.zeros(size)
    chosen = torch.empty(min(count, size), dtype=torch.int64)
    for place in range(len(chosen)):
        value = (1 - diversity) * good - diversity * alike.clamp(min=0) + left
        best = value.argmax()
        chosen[place] = best
        left[best] = -torch.inf
        alike = torch.maximum(alike, vectors @ vectors[best])
    return chosen


def _vectors(offer: Offer, rows: Int[Tensor, " C"]) -> Float[Tensor, "C V"]:
    """Return unit vectors of items: their places, or else the words of their columns."""
    if offer.places is not None:
        return torch.nn.functional.normalize(offer.places[rows], dim=1)
    parts = []
    for name in offer.items.grouped():
        places, codes = offer.items.column(name).words_of(rows)
        used, numbers = torch.unique(codes, return_inverse=True)
        part = torch.zeros(len(rows), len(used))
        part[places, numbers] = 1
        parts.append(part)
    vectors = torch.cat(parts, dim=1) if parts else torch.zeros(len(rows), 1)
    return torch.nn.functional.normalize(vectors, dim=1)


def _limited(offer: Offer, column: str, rows: Int[Tensor, " C"], most: int) -> Int[Tensor, " k"]:
    """Keep, in order, items none of whose words was had `most` times already; those without a word are kept."""
    places, codes = offer.items.column(column).words_of(rows)
    words: list[list[int]] = [[] for _ in range(len(rows))]
    for place, code in zip(places.tolist(), codes.tolist(), strict=True):
        words[place].append(code)
    counts: dict[int, int] = {}
    kept = []
    for place, own in enumerate(words):
        if all(counts.get(code, 0) < most for code in own):
            kept.append(place)
            for code in own:
                counts[code] = counts.get(code, 0) + 1
    return torch.tensor(kept, dtype=torch.int64)
