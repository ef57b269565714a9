"""What happened after an answer was shown: events, kept before they are acknowledged."""

from __future__ import annotations

from plait.experiment.store import EventStore, Kept
from plait.experiment.tables import Change, Event, Item

__all__ = ["Change", "Event", "EventStore", "Item", "Kept"]
