"""What a user did: what the run knows of them, and what was heard since."""

from __future__ import annotations

from plait.serve.ask.answers import Had, History
from plait.serve.ask.person import recent
from plait.serve.ask.questions import HistoryAsked
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages
from plait.serve.readings import truth

__all__ = ["history"]

_SINCE = 500


def history(shop: Shop, asked: HistoryAsked) -> History:
    """Answer what a user did, the newest first."""
    return shop.crew.answer(lambda stages: _made(shop, asked, stages))


def _made(shop: Shop, asked: HistoryAsked, stages: Stages) -> History:
    offer = shop.offer
    row = shop.users.row(asked.user) or 0
    since = _heard(shop, offer, asked, stages)
    before = _known(shop, offer, row, asked.count - len(since)) if row else []
    seen = len(shop.seen.items(row)) if row else 0
    return History(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        known=row > 0 or bool(since),
        total=seen + len(since),
        items=[*since, *before][: asked.count],
    )


def _heard(shop: Shop, offer: Offer, asked: HistoryAsked, stages: Stages) -> list[Had]:
    events = shop.events
    if events is None:
        return []
    heard = stages.run("events", lambda: events.recent(asked.user, _SINCE), shop.limits.events) or []
    items = offer.items
    return [
        Had(
            item=event.item,
            title=items.titles[items.row_of[event.item]] if event.item in items.row_of else event.item,
            kind=event.kind,
            value=event.value,
            at=event.at,
        )
        for event in reversed(heard)
    ]


def _known(shop: Shop, offer: Offer, row: int, count: int) -> list[Had]:
    """Return what the run's tables hold, with the labels of the event."""
    if count <= 0:
        return []
    seen = shop.seen
    had, rows = seen.items(row).tolist(), seen.rows(row).tolist()
    row_of = dict(zip(had, rows, strict=True))
    newest = (recent(shop, row) or had)[::-1][:count]
    labels = shop.run.prepared.tables[shop.pairing.table].labels
    tasks = {name: task for name, task in shop.run.layout.tasks.items() if name in shop.pairing.tasks}
    found = []
    for item in newest:
        if item <= 0:
            continue
        event = row_of.get(item)
        known = {} if event is None else {name: truth(task, labels[name][event]) for name, task in tasks.items()}
        found.append(
            Had(
                item=offer.items.ids[item],
                title=offer.items.titles[item],
                labels={name: said for name, said in known.items() if said is not None},
            )
        )
    return found
