"""Which items may be shown, and which of them are looked at closely."""

from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from plait.errors import RunError
from plait.export.pairs import Pairs
from plait.serve.ask.person import Person
from plait.serve.ask.questions import RecommendAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["Candidates", "allowed", "candidates"]

_ALL: Final = 2_000


@final
@dataclass(frozen=True, slots=True)
class Candidates:
    """The items that are looked at closely, the likeliest first.

    Attributes:
        rows: which.
        fits: how well each fits the user, by the retrieval task; None where that is not known.
    """

    rows: Int[Tensor, " C"]
    fits: Float[Tensor, " C"] | None = None


def allowed(shop: Shop, offer: Offer, asked: RecommendAsked, person: Person) -> Bool[Tensor, " N"]:
    """Return which items may be shown to a user.

    Raises:
        RecipeError: a filter names no column.
    """
    fitting = offer.items.fitting(asked.filters)
    shown = torch.ones(offer.items.rows + 1, dtype=torch.bool) if fitting is None else fitting.clone()
    shown[0] = False
    again = shop.seen.again if asked.seen is None else asked.seen
    if not again and len(person.seen):
        shown[person.seen] = False
    rows = [row for row in (offer.items.row_of.get(name) for name in asked.exclude) if row is not None]
    shown[rows] = False
    return shown


def candidates(
    shop: Shop, offer: Offer, person: Person, shown: Bool[Tensor, " N"], count: int, stages: Stages
) -> Candidates:
    """Find the items that are worth a close look: the nearest to the user, or all, or the most frequent.

    Few that may be shown are all looked at. Somebody unknown has no place, and is offered the most frequent items.
    """
    depth = max(shop.depth, count)
    if shop.pairing.retrieval is None:
        return Candidates(_popular(offer, shown, max(depth, _ALL)))
    if not person.known:
        return Candidates(_popular(offer, shown, depth))
    found = stages.run("retrieve", lambda: _near(shop, offer, person, shown, depth), shop.limits.retrieve)
    return Candidates(_popular(offer, shown, depth)) if found is None else found


def _near(shop: Shop, offer: Offer, person: Person, shown: Bool[Tensor, " N"], depth: int) -> Candidates:
    if offer.search is None or offer.places is None:
        raise RunError(offer.fault or "there is no index of the items")
    query = shop.backend.query(person.asker)
    if query is None or not bool(query.isfinite().all()):
        raise RunError("the user has no place among the items")
    hidden = (~shown).nonzero()[:, 0]
    if shop.ruled:
        hidden = torch.cat([hidden, _forbidden(shop, person)])
    few = offer.items.rows + 1 - len(hidden)
    if few <= depth:
        rows = shown.nonzero()[:, 0]
        if shop.ruled:
            rows = rows[~torch.isin(rows, hidden)]
        fits = offer.places[rows] @ query.float()
        order = fits.argsort(descending=True, stable=True)
        return Candidates(rows[order], fits[order])
    found = offer.search.top(query[None].float(), depth, [hidden])
    real = found.rows[0] > 0
    return Candidates(found.rows[0][real], found.scores[0][real])


def _forbidden(shop: Shop, person: Person) -> Int[Tensor, " n"]:
    task = shop.pairing.retrieval
    assert task is not None
    keys = {shop.pairing.user_key: torch.tensor([person.asker.row])}
    return Pairs(shop.run.model, shop.run.prepared).forbidden(shop.pairing.table, keys, task)


def _popular(offer: Offer, shown: Bool[Tensor, " N"], depth: int) -> Int[Tensor, " C"]:
    rows = shown.nonzero()[:, 0]
    order = offer.popularity[rows].argsort(descending=True, stable=True)[:depth]
    return rows[order]
