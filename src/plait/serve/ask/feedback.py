"""What a user did, kept before it is acknowledged: the next answer knows it."""

from __future__ import annotations

import time
import uuid

from plait.errors import StoreError
from plait.experiment import Event, Kept
from plait.serve.ask.answers import Feedback
from plait.serve.ask.events import Events
from plait.serve.ask.questions import FeedbackAsked

__all__ = ["keep"]


def keep(events: Events | None, version: str, asked: FeedbackAsked) -> Feedback:
    """Keep an event; it is on the disk when this returns.

    Raises:
        StoreError: there is no store, or it is busy or gone; nothing was kept.
        DataError: the event cannot be kept as it is.
    """
    start = time.perf_counter()
    if events is None:
        raise StoreError(
            "Feedback should be kept on a disk before it is acknowledged. Found no store of events; start the service with "
            "`--store events.db`, or with the URL of a PostgreSQL database."
        )
    key = asked.key or uuid.uuid4().hex
    at = time.time() if asked.at is None else asked.at
    event = Event(key, asked.user, asked.item, asked.kind, asked.value, at, dict(asked.more))
    kept = events.record([event])[0]
    took = {"store": round((time.perf_counter() - start) * 1000, 3)}
    return Feedback(model=version, took=took, key=key, repeated=kept is Kept.REPEATED)
