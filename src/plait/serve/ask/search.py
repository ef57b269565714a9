"""Which items fit a question: by its words, and by what it means where an encoder has read the items' texts."""

from contextlib import suppress
from threading import Lock
from typing import Final, final

import pyarrow as pa
from jaxtyping import Float
from torch import Tensor

from plait.data.text.vectors import TextEncoder
from plait.errors import PlaitError
from plait.serve.ask.answers import SearchFound
from plait.serve.ask.items import Items
from plait.serve.ask.lexicon import Lexicon
from plait.serve.ask.meaning import Meaning, text_features
from plait.serve.ask.placing import placed
from plait.serve.ask.questions import SearchAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["Finder"]

_MOST_BEHIND: Final = 20_000
"""From how many new items on the index of words is made anew; until then they are looked at one by one."""

_WORDS: Final = 0.05
"""What the best match of words adds to a cosine."""


@final
class Finder:
    """Finds items by words and meaning of their texts, and keeps the index of those that are offered.

    Where meaning is known it decides, and words are there for names and numbers: on search judgements of a shop every share
    of words made the order worse, the more the worse.

    Args:
        shop: the items.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        # Two: an encoder that hangs with the one holds up nobody who looks for words.
        self._lock, self._reading = Lock(), Lock()
        self._of: tuple[Items, Lexicon] | None = None
        self._about: tuple[Items, Meaning] | None = None

    def search(self, asked: SearchAsked) -> SearchFound:
        """Answer which items fit some words; one whose id is asked for comes first.

        Raises:
            RecipeError: a filter names what there is not.
        """
        self.ready(self._shop.offer)
        return self._shop.crew.answer(lambda stages: self._made(asked, stages))

    def warm(self) -> None:
        """Make what the first question would wait for; an encoder that is not here is missed at each question instead."""
        offer = self._shop.offer
        self.ready(offer)
        with suppress(PlaitError, OSError):
            self._likeness(offer, "a question")

    def ready(self, offer: Offer) -> Lexicon:
        """Return the index of the items that are offered, made where it is not there yet."""
        with self._lock:
            known, items = self._of, offer.items
            if known is not None and known[0] is items:
                return known[1]
            if (
                known is not None
                and items.continues(known[0])
                and items.rows - known[0].rows + known[1].tail <= _MOST_BEHIND
            ):
                made = known[1].grown(_texts(items, known[0].rows))
            else:
                made = Lexicon(_texts(items))
            self._of = (items, made)
            return made

    def _likeness(self, offer: Offer, query: str) -> Float[Tensor, " N"] | None:
        """Compare a question with the texts of the items; nothing without texts, or with an encoder inside the model."""
        if not text_features(self._shop.run, offer.items.name):
            return None
        encoder = self._shop.run.texts
        if not isinstance(encoder, TextEncoder):
            return None
        with self._reading:
            known, items = self._about, offer.items
            if known is None or not items.continues(known[0]):
                self._about = (items, Meaning(self._shop.run, items, encoder))
            elif known[0] is not items:
                self._about = (items, known[1].grown(items))
            assert self._about is not None
            about = self._about[1]
        return about.likeness(query)

    def _made(self, asked: SearchAsked, stages: Stages) -> SearchFound:
        shop, offer = self._shop, self._shop.offer
        scores = self.ready(offer).scores(asked.query)
        likeness = None
        if asked.query.strip():
            likeness = stages.run("meaning", lambda: self._likeness(offer, asked.query), shop.limits.retrieve)
        if likeness is not None:
            scores = likeness.clamp(min=0) + _WORDS * _shares(scores)
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
            by="words" if likeness is None else "words and meaning",
            items=placed(shop, offer, rows, scores[rows], {}),
        )


def _texts(items: Items, after: int = 0) -> list[str]:
    """Join the texts of each item behind a row; what they are called counts where no column holds it."""
    columns = [items.titles[1 + after :]]
    for field in items.table.schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            values = [value or "" for value in items.table[field.name].slice(after).to_pylist()]
            if values != columns[0]:
                columns.append(values)
    return [" ".join(parts) for parts in zip(*columns, strict=True)]


def _shares(scores: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Divide scores by the best of them."""
    return scores / scores.max().clamp(min=1e-12)
