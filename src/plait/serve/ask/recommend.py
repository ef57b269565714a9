"""What to show a user: found, ranked by all tasks, put in order by the formula, made diverse."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from plait.serve.ask.answers import Recommended
from plait.serve.ask.choice import Candidates, allowed, candidates
from plait.serve.ask.diversity import spread
from plait.serve.ask.formula import Formula
from plait.serve.ask.person import Person, found
from plait.serve.ask.placing import placed
from plait.serve.ask.questions import RecommendAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["formula_for", "ordered", "recommend"]


def recommend(shop: Shop, asked: RecommendAsked) -> Recommended:
    """Answer what to show a user.

    Raises:
        RecipeError: the formula or a filter names what there is not.
    """
    return shop.crew.answer(lambda stages: _made(shop, asked, stages))


def _made(shop: Shop, asked: RecommendAsked, stages: Stages) -> Recommended:
    offer = shop.offer
    person = found(shop, offer, asked.user, stages, asked.without, asked.also)
    formula = formula_for(shop, person, asked.formula)
    shown = allowed(shop, offer, asked, person)
    near = candidates(shop, offer, person, shown, asked.count, stages)
    outputs = stages.run("rank", lambda: shop.backend.rank(person.asker, near.rows), shop.limits.rank)
    scores, by = ordered(shop, offer, near, outputs, formula, stages)
    best = spread(offer, near.rows, scores, asked)
    items = placed(shop, offer, near.rows, scores, outputs or {}, best, plain=asked.plain)
    return Recommended.model_construct(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        known=person.known,
        by=by,
        items=items,
        unknown=offer.items.strangers([*asked.exclude, *asked.without, *asked.also]),
    )


def formula_for(shop: Shop, person: Person, text: str | None) -> Formula | None:
    """Return what puts somebody's list in order: the formula of the question, or else the one in place.

    Where the question has none, and nothing is known of them, it is none: the most frequent items are a better guess than a
    model can make of nothing.
    """
    return None if text is None and not person.known else shop.chosen(text)


def ordered(
    shop: Shop,
    offer: Offer,
    near: Candidates,
    outputs: Mapping[str, Tensor] | None,
    formula: Formula | None,
    stages: Stages,
) -> tuple[Tensor, str]:
    """Say what candidates are in order by, and give each its score; without the model there is still an order."""
    if formula is None:
        return offer.popularity[near.rows], "popularity"
    if outputs is not None:
        for text in dict.fromkeys([formula.text, shop.worth.without_retrieval()]):
            usable = None if text is None else shop.chosen(text)
            values = {} if usable is None else shop.worth.values(usable.names, dict(outputs), near.fits)
            if usable is not None and len(values) == len(usable.names) and values:
                return usable(values), usable.text
    elif near.fits is not None and shop.worth.retrieval is not None:
        return near.fits.double(), shop.worth.retrieval
    if not stages.degraded:
        stages.degraded.append("rank: the formula names what could not be predicted")
    return offer.popularity[near.rows], "popularity"
