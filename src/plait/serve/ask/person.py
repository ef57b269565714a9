"""Whom a question is about: what the run knows of a user, and what was heard of them since."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from jaxtyping import Int
from torch import Tensor

from plait.export.backend import Asker
from plait.serve.ask.events import had
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["Person", "found", "recent", "window"]

_SINCE: Final = 1_000


@final
@dataclass(frozen=True, slots=True)
class Person:
    """A user as they are now.

    Attributes:
        id: as the question has it.
        asker: whom the model is asked for.
        seen: rows of the items they had, oldest first.
        known: whether anything is known of them.
    """

    id: str
    asker: Asker
    seen: Int[Tensor, " n"]
    known: bool


def found(
    shop: Shop, offer: Offer, user: str, stages: Stages, without: Sequence[str] = (), also: Sequence[str] = ()
) -> Person:
    """Find a user, with what was heard of them since training; somebody unknown is nobody's fault.

    Args:
        shop: what questions are answered from.
        offer: the items as they are now.
        user: id, known or not.
        stages: takes the time.
        without: ids of items, as if the user had not had them.
        also: ids of items, as if the user had had them just now.
    """
    row = shop.users.row(user) or 0
    before = shop.seen.items(row) if row else torch.empty(0, dtype=torch.int64)
    since = [*_since(shop, offer, user, stages), *_rows(offer, also)]
    if not since and not without:
        return Person(user, Asker(row), before, row > 0)
    gone = set(_rows(offer, without))
    latest = tuple(item for item in (*recent(shop, row), *since) if item not in gone)
    seen = [item for item in (*before.tolist(), *since) if item not in gone]
    return Person(user, Asker(row, latest), torch.tensor(seen, dtype=torch.int64), row > 0 or bool(since))


def _rows(offer: Offer, ids: Sequence[str]) -> list[int]:
    return [row for row in (offer.items.row_of.get(name, 0) for name in ids) if row > 0]


def _since(shop: Shop, offer: Offer, user: str, stages: Stages) -> list[int]:
    """Return the items a user had since training, oldest first."""
    events = shop.events
    if events is None:
        return []
    heard = stages.run("events", lambda: events.recent(user, _SINCE), shop.limits.events) or []
    rows = [offer.items.row_of.get(event.item, 0) for event in heard if had(event)]
    return [row for row in rows if row > 0]


def window(shop: Shop, person: Person) -> list[int] | None:
    """Return the items of a user's history that the model reads, oldest first; None where it reads no history."""
    history = shop.backend.shape.history
    if history is None:
        return None
    latest = person.asker.recent
    last = shop.run.prepared.histories[history].last
    return list(recent(shop, person.asker.row) if latest is None else latest)[-last:]


def recent(shop: Shop, row: int) -> list[int]:
    """Return what the run's history holds of a user, oldest first."""
    if not row:
        return []
    history = shop.backend.shape.history
    if history is None:
        return []
    events = shop.run.prepared.histories[history]
    start, stop = events.now[row].tolist()
    kept: list[int] = events.items[start:stop].tolist()
    return kept
