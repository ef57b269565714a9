"""One thread that writes: what waits at the same time shares one transaction and one sync of the disk."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final, final

from sqlalchemy import Connection, Delete, Engine, Insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from plait.errors import StoreError
from plait.experiment.tables import EVENTS, ITEMS, Event, Item

__all__ = ["Committer", "Kept", "Taken"]

_MOST: Final = 500
# SQLite of old builds takes at most 999 values in a statement; an event has seven.
_AT_ONCE: Final = 100


class Kept(StrEnum):
    """What became of an event."""

    NEW = "new"
    REPEATED = "repeated"


@final
class Taken(Exception):
    """One of some items is there already; none was kept."""


@final
@dataclass(frozen=True, slots=True)
class _Lot:
    """Items that are kept all or none."""

    items: list[Item]


_What = list[Event] | _Lot | Insert | Delete
_Work = tuple[_What, "Future[list[Kept]]"]


@final
class Committer:
    """Writes in the order of asking, many askers in one transaction.

    Args:
        engine: used by this thread alone.
        patience: seconds the engine waits for a lock.
    """

    def __init__(self, engine: Engine, patience: float) -> None:
        self._engine = engine
        self._limit = 4 * patience + 5
        self._asked: queue.Queue[_Work | None] = queue.Queue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="plait-committer", daemon=True)
        self._thread.start()

    def commit(self, events: list[Event]) -> list[Kept]:
        """Write events and return what became of each, after the commit."""
        return self._ask(events) if events else []

    def offer(self, items: list[Item]) -> None:
        """Write items, all of them or none, in the order in which others will read them.

        Raises:
            Taken: one of them is there already.
        """
        self._ask(_Lot(items))

    def run(self, statement: Insert | Delete) -> int:
        """Run one statement in a transaction and return how many rows it touched."""
        return len(self._ask(statement))

    def close(self) -> None:
        """Write what was asked for and end the thread."""
        if not self._closed:
            self._closed = True
            self._asked.put(None)
            self._thread.join()

    def _ask(self, work: _What) -> list[Kept]:
        if self._closed:
            raise StoreError(
                "The event store is closed: the service is ending, and nothing was kept. Send it again elsewhere."
            )
        promised: Future[list[Kept]] = Future()
        self._asked.put((work, promised))
        try:
            return promised.result(self._limit)
        except TimeoutError:
            raise StoreError(
                f"The event store should answer within {self._limit:.0f} s and did not. Whether this was kept is not "
                "known; events that are sent again under the same keys are kept once."
            ) from None

    def _serve(self) -> None:
        while (first := self._asked.get()) is not None:
            together = [first]
            ends = False
            while len(together) < _MOST:
                try:
                    more = self._asked.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ends = True
                    break
                together.append(more)
            self._commit(together)
            if ends:
                return

    def _commit(self, together: list[_Work]) -> None:
        for alone, neighbours in groupby(together, key=lambda one: isinstance(one[0], _Lot)):
            for some in [[one] for one in neighbours] if alone else [list(neighbours)]:
                self._commit_some(some)

    def _commit_some(self, together: list[_Work]) -> None:
        try:
            done = self._written([work for work, _ in together])
        except Exception as error:  # noqa: BLE001  whoever waits must hear of it, and the thread must live
            if len(together) > 1 and not _busy(error):
                # One that cannot be written spoils nobody else's.
                for one in together:
                    self._commit_some([one])
                return
            for work, promised in together:
                taken = isinstance(work, _Lot) and isinstance(error, IntegrityError)
                promised.set_exception(Taken() if taken else StoreError(_refused(work, error)))
            return
        for (_, promised), kept in zip(together, done, strict=True):
            promised.set_result(kept)

    def _written(self, works: list[_What]) -> list[list[Kept]]:
        done: list[list[Kept]] = []
        with self._engine.begin() as connection:
            # Neighbouring lists of events are written by one statement, and what stands between keeps its place.
            waiting: list[list[Event]] = []
            for work in works:
                if isinstance(work, list):
                    waiting.append(work)
                    continue
                done += _inserted(connection, waiting)
                waiting = []
                if isinstance(work, _Lot):
                    _offered(connection, work.items)
                    done.append([])
                    continue
                done.append([Kept.NEW] * connection.execute(work).rowcount)
            done += _inserted(connection, waiting)
        return done


def _inserted(connection: Connection, lists: list[list[Event]]) -> list[list[Kept]]:
    """Insert all events of several askers; the first of a key is new and every other one repeated."""
    events = [event for events in lists for event in events]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new: set[str] = set()
    for start in range(0, len(events), _AT_ONCE):
        rows = [asdict(event) for event in events[start : start + _AT_ONCE]]
        statement = insert(EVENTS).values(rows).on_conflict_do_nothing(index_elements=["key"]).returning(EVENTS.c.key)
        new.update(connection.execute(statement).scalars())
    found: list[list[Kept]] = []
    for asked in lists:
        found.append([])
        for event in asked:
            found[-1].append(Kept.NEW if event.key in new else Kept.REPEATED)
            new.discard(event.key)
    return found


def _offered(connection: Connection, items: list[Item]) -> None:
    if connection.dialect.name == "postgresql":
        # One lot at a time, so that numbers are seen in their order: who reads on behind the last one misses none.
        connection.exec_driver_sql("LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE")
    connection.execute(ITEMS.insert(), [asdict(item) for item in items])


def _busy(error: Exception) -> bool:
    words = str(error.__cause__ or error)
    return "locked" in words or "busy" in words or "lock timeout" in words


def _refused(work: _What, error: Exception) -> str:
    what, again = ("events", " under the same keys") if isinstance(work, list) else ("items", "")
    if isinstance(work, Insert | Delete):
        what = "changes"
    return f"The {what} should be kept and were not: {_why(error)}. Nothing was kept; send them again{again}."


def _why(error: Exception) -> str:
    """Say what kept the store from writing, without its place, which callers need not know."""
    cause = error.__cause__ or error
    words = str(cause).lower()
    if _busy(error):
        return "the event store is locked by another writer"
    if "disk is full" in words or "no space left" in words:
        return "its disk is full"
    if "disk i/o error" in words:
        return "its disk cannot be written"
    return f"the event store said {type(cause).__name__}"
