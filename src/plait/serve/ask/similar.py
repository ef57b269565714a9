"""Which items are like one: in the space of the retrieval task, else as the model reads their rows."""

from __future__ import annotations

from threading import Lock
from typing import final

import torch
from torch import Tensor

from plait.errors import DataError, nearest
from plait.retrieve import Exact
from plait.serve.ask.answers import SimilarFound
from plait.serve.ask.placing import placed
from plait.serve.ask.questions import SimilarAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages
from plait.serve.places import Places

__all__ = ["Kinship", "row_named"]


@final
class Kinship:
    """Finds what is like an item, and keeps what it needs for that.

    Args:
        shop: the items.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._lock = Lock()
        self._of: tuple[Offer, Exact] | None = None
        self._features: Places | None = None

    def similar(self, asked: SimilarAsked) -> SimilarFound:
        """Answer which items are like one.

        Raises:
            DataError: there is no such item.
            RecipeError: a filter names what there is not.
        """
        return self._shop.crew.answer(lambda stages: self._made(asked, stages))

    def _made(self, asked: SimilarAsked, stages: Stages) -> SimilarFound:
        shop, offer = self._shop, self._shop.offer
        row = row_named(offer, asked.item)
        fitting = offer.items.fitting(asked.filters)
        hidden = torch.tensor([row]) if fitting is None else torch.cat([(~fitting).nonzero()[:, 0], torch.tensor([row])])
        work = self._by_place if offer.places is not None else self._by_features
        found = stages.run("retrieve", lambda: work(offer, row, asked.count, hidden), shop.limits.retrieve)
        rows, scores = (torch.empty(0, dtype=torch.int64), torch.empty(0)) if found is None else found
        return SimilarFound.model_construct(
            model=shop.backend.version,
            degraded=stages.degraded,
            took=stages.told(),
            item=asked.item,
            by="features" if offer.places is None else str(shop.pairing.retrieval),
            items=placed(shop, offer, rows, scores, {}),
        )

    def warm(self) -> None:
        """Make what answers need before the first of them."""
        if self._shop.offer.places is not None:
            self._search(self._shop.offer)

    def _by_place(self, offer: Offer, row: int, count: int, hidden: Tensor) -> tuple[Tensor, Tensor]:
        assert offer.places is not None
        own = torch.nn.functional.normalize(offer.places[row][None], dim=1)
        found = self._search(offer).top(own, count, [hidden])
        real = found.rows[0] > 0
        return found.rows[0][real], found.scores[0][real]

    def _search(self, offer: Offer) -> Exact:
        assert offer.places is not None
        with self._lock:
            if self._of is None or self._of[0] is not offer:
                self._of = (offer, Exact(torch.nn.functional.normalize(offer.places, dim=1)))
            return self._of[1]

    def _by_features(self, offer: Offer, row: int, count: int, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Compare rows as the model reads them; those added since are not among them."""
        with self._lock:
            self._features = self._features or Places(self._shop.run)
            many = count if len(hidden) == 1 else offer.items.rows
            rows, scores = self._features.near(offer.items.name, row, many)
        found, values = torch.tensor(rows, dtype=torch.int64), torch.tensor(scores)
        kept = ~torch.isin(found, hidden)
        return found[kept][:count], values[kept][:count]


def row_named(offer: Offer, item: str) -> int:
    """Return the row of an item.

    Raises:
        DataError: there is no such item.
    """
    row = offer.items.row_of.get(item)
    if row is None:
        some = ", ".join(f"`{name}`" for name in offer.items.ids[1:4])
        raise DataError(
            f"`item` should be the id of one of the {offer.items.rows:,} rows of `{offer.items.name}`, such as {some}. "
            f"Found `{item[:80]}`.{nearest(item, offer.items.ids[1:2000])}"
        )
    return row
