"""Events that are on the disk before they are acknowledged, however many come at once."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import Final, final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from plait.errors import DataError, StoreError
from plait.experiment.committer import Committer, Kept, Taken
from plait.experiment.database import readers, shown, url_of, writer
from plait.experiment.tables import CHANGES, EVENTS, ITEMS, METADATA, Change, Event, Item

__all__ = ["EventStore", "Kept"]

_PATIENCE: Final = 2.0
_GLANCE: Final = 0.05
_ITEMS: Final = 5_000
_AT_ONCE: Final = 500


@final
class EventStore:
    """Keeps what people did: written once, acknowledged after the commit, read back at once.

    Several processes may open the same store. In SQLite the journal is a write-ahead log that is synced at every commit, so
    that readers never wait for the writer.

    Args:
        store: a file, or a URL of SQLite or PostgreSQL.
        patience: seconds to wait for a lock before an event is refused.
        glance: seconds to wait for a lock when reading: an answer goes on without what it would have read.

    Attributes:
        place: where the store lies, without password.

    Raises:
        StoreError: the store cannot be opened.
        RecipeError: the URL names no such store.
        MissingExtraError: the driver is not installed.
    """

    def __init__(self, store: str | os.PathLike[str], patience: float = _PATIENCE, glance: float = _GLANCE) -> None:
        url = url_of(store)
        self.place = shown(url)
        self._write = writer(url, patience)
        self._read = readers(url, glance)
        try:
            with self._write.begin() as connection:
                METADATA.create_all(connection)
        except SQLAlchemyError as error:
            self._write.dispose()
            raise StoreError(
                f"The event store {self.place} should open and hold its tables. Found: {_cause(error)}. Look at its "
                "folder's permissions, or at the server and the user's rights; `--store FILE` names another."
            ) from None
        self._committer = Committer(self._write, patience)

    def record(self, events: list[Event]) -> list[Kept]:
        """Keep events; they are on the disk when this returns.

        Args:
            events: any number; all of them are kept, or none.

        Returns:
            for each event whether it is new or was kept before under its key.

        Raises:
            StoreError: the store is busy or gone, and nothing was kept.
            DataError: an event cannot be kept as it is.
        """
        for event in events:
            _check(event)
        return self._committer.commit(events)

    def recent(self, user: str, count: int) -> list[Event]:
        """Return what a user did last, oldest first.

        Args:
            user: id of the user.
            count: how many events at most.

        Raises:
            StoreError: the store cannot be read at the moment.
        """
        asked = select(EVENTS).where(EVENTS.c.user == user).order_by(EVENTS.c.number.desc()).limit(count)
        try:
            with self._read.connect() as connection:
                rows = connection.execute(asked).all()
        except SQLAlchemyError as error:
            raise StoreError(f"The events of {self.place} cannot be read: {_cause(error)}. Try again.") from None
        return [Event(row.key, row.user, row.item, row.kind, row.value, row.at, row.more) for row in reversed(rows)]

    def count(self) -> int:
        """Return how many events are kept."""
        try:
            with self._read.connect() as connection:
                return int(connection.execute(select(func.count()).select_from(EVENTS)).scalar_one())
        except SQLAlchemyError as error:
            raise StoreError(f"The events of {self.place} cannot be counted: {_cause(error)}. Try again.") from None

    def forget(self, user: str) -> int:
        """Delete all that is known of a user, and return how many events that were."""
        return self._committer.run(delete(EVENTS).where(EVENTS.c.user == user))

    def keep_items(self, items: list[Item]) -> None:
        """Keep items that came after training, all of them or none; they are on the disk when this returns.

        Raises:
            DataError: one of them is kept already, or cannot be kept as it is.
            StoreError: the store is busy or gone, and nothing was kept.
        """
        for item in items:
            _check_text("item", "id", item.id, 500)
        try:
            self._committer.offer(items)
        except Taken:
            raise DataError(
                "New items should have ids of their own, since an item is found by its id. Found some that were added "
                "before, perhaps just now through another worker. Leave them out."
            ) from None

    def items(self, table: str, after: int = 0, count: int = _ITEMS) -> list[tuple[int, Item]]:
        """Return items that came after training with their numbers, in the order in which they came.

        Args:
            table: the table that they belong to.
            after: the number behind which to begin.
            count: how many at most.

        Raises:
            StoreError: the store cannot be read at the moment.
        """
        asked = select(ITEMS).where(ITEMS.c.table == table, ITEMS.c.number > after).order_by(ITEMS.c.number).limit(count)
        try:
            with self._read.connect() as connection:
                return [(row.number, Item(row.table, row.id, row.row, row.at)) for row in connection.execute(asked)]
        except SQLAlchemyError as error:
            raise StoreError(f"The items of {self.place} cannot be read: {_cause(error)}. Try again.") from None

    def drop_items(self, table: str, ids: list[str]) -> int:
        """Delete items that came after training, and return how many that were; a service forgets them when it starts anew.

        Raises:
            StoreError: the store is busy or gone, and nothing was deleted.
        """
        ways = [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]
        chosen = [delete(ITEMS).where(ITEMS.c.table == table, ITEMS.c.id.in_(some)) for some in ways]
        return sum(self._committer.run(statement) for statement in chosen)

    def note(self, change: Change) -> None:
        """Keep what an operator changed."""
        self._committer.run(CHANGES.insert().values(**asdict(change)))

    def changes(self, count: int = 100) -> list[Change]:
        """Return what operators changed last, newest first."""
        asked = select(CHANGES).order_by(CHANGES.c.number.desc()).limit(count)
        try:
            with self._read.connect() as connection:
                return [Change(row.at, row.who, row.what, row.more) for row in connection.execute(asked)]
        except SQLAlchemyError as error:
            raise StoreError(f"The changes of {self.place} cannot be read: {_cause(error)}. Try again.") from None

    def close(self) -> None:
        """Finish what is being kept and let go of the store."""
        self._committer.close()
        self._write.dispose()
        self._read.dispose()


def _check(event: Event) -> None:
    """Refuse what one of the databases could not give back as it was."""
    limits = {"key": (event.key, 200), "user": (event.user, 500), "item": (event.item, 500), "kind": (event.kind, 100)}
    for name, (text, most) in limits.items():
        _check_text("event", name, text, most)
    for name, number in (("value", event.value), ("at", event.at)):
        if number is not None and not math.isfinite(number):
            raise DataError(f"`{name}` of an event should be a finite number. Found {number}.")


def _check_text(of: str, name: str, text: str, most: int) -> None:
    if not text or len(text) > most or "\0" in text or text.encode("utf-8", "ignore").decode() != text:
        raise DataError(
            f"`{name}` of an {of} should be a text of 1 to {most} letters, none of them the letter 0, because both "
            f"databases must give it back as it was. Found {len(text)} letters."
        )


def _cause(error: SQLAlchemyError) -> str:
    """Say what the database said, without the statement and its values, which hold ids."""
    cause = error.__cause__ or error
    return type(cause).__name__ if not cause.args else str(cause.args[0]).strip().splitlines()[0][:200]
