"""Which items fit some words."""

from __future__ import annotations

from threading import Lock
from typing import final

import pyarrow as pa

from plait.serve.ask.answers import SearchFound
from plait.serve.ask.items import Items
from plait.serve.ask.lexicon import Lexicon
from plait.serve.ask.placing import placed
from plait.serve.ask.questions import SearchAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["Finder"]


@final
class Finder:
    """Finds items by the words of their texts, and keeps the index of those that are offered.

    Args:
        shop: the items.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._lock = Lock()
        self._of: tuple[Items, Lexicon] | None = None

    def search(self, asked: SearchAsked) -> SearchFound:
        """Answer which items fit some words; one whose id is asked for comes first.

        Raises:
            RecipeError: a filter names what there is not.
        """
        self.ready(self._shop.offer)
        return self._shop.crew.answer(lambda stages: self._made(asked, stages))

    def ready(self, offer: Offer) -> Lexicon:
        """Return the index of the items that are offered, made where it is not there yet."""
        with self._lock:
            if self._of is None or self._of[0] is not offer.items:
                self._of = (offer.items, Lexicon(_texts(offer.items)))
            return self._of[1]

    def _made(self, asked: SearchAsked, stages: Stages) -> SearchFound:
        shop, offer = self._shop, self._shop.offer
        scores = self.ready(offer).scores(asked.query)
        fitting = offer.items.fitting(asked.filters)
        if fitting is not None:
            scores = scores.masked_fill(~fitting, 0)
        named = offer.items.row_of.get(asked.query.strip())
        if named is not None and (fitting is None or bool(fitting[named])):
            scores[named] = scores.max() + 1
        rows = scores.nonzero()[:, 0]
        rows = rows[scores[rows].argsort(descending=True, stable=True)[: asked.count]]
        return SearchFound.model_construct(
            model=shop.backend.version,
            degraded=stages.degraded,
            took=stages.told(),
            query=asked.query,
            by="words",
            items=placed(shop, offer, rows, scores[rows], {}),
        )


def _texts(items: Items) -> list[str]:
    """Join the texts of each item; what they are called counts where no column holds it."""
    columns = [items.titles[1:]]
    for field in items.table.schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = [value or "" for value in items.table[field.name].to_pylist()]
            if values != columns[0]:
                columns.append(values)
    return [" ".join(parts) for parts in zip(*columns, strict=True)]
