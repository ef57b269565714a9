"""What a service needs of the store of events and new items; `plait.experiment.EventStore` is one."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from plait.experiment import Event, Item, Kept

__all__ = ["NOT_HAD", "Events", "had"]

NOT_HAD: Final = frozenset({"shown", "impression", "skip"})
"""Kinds of event that say nothing of interest in an item, and do not keep it from being shown again."""


@runtime_checkable
class Events(Protocol):
    """Keeps events and new items, and gives them back at once."""

    def record(self, events: list[Event]) -> list[Kept]:
        """Keep events; they are on the disk when this returns."""

    def recent(self, user: str, count: int) -> list[Event]:
        """Return what a user did last, oldest first."""

    def keep_items(self, items: list[Item]) -> None:
        """Keep items that came after training, all or none; they are on the disk when this returns."""

    def items(self, table: str, after: int = 0) -> list[tuple[int, Item]]:
        """Return some such items behind a number, each with its own, in the order in which they came."""

    def drop_items(self, table: str, ids: list[str]) -> int:
        """Delete such items, and return how many that were."""


def had(event: Event) -> bool:
    """Say whether an event means that the user had the item: it was more than shown, and not answered with no."""
    return event.kind not in NOT_HAD and event.value != 0
