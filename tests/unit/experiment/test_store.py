"""What is acknowledged is kept once, in both databases, whoever writes beside."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.postgres import server

if TYPE_CHECKING:
    from plait.experiment import Event, EventStore, Item


def event(number: int, user: str = "ann", **more: object) -> Event:
    from plait.experiment import Event

    return Event(key=f"k{number}", user=user, item=f"i{number}", kind="click", value=1.0, at=float(number), more=more)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], EventStore]]:
    """Opens the same store again and again; it is empty at first."""
    from sqlalchemy import create_engine

    from plait.experiment import EventStore
    from plait.experiment.database import url_of
    from plait.experiment.tables import METADATA

    place = str(tmp_path / "events.db") if request.param == "sqlite" else request.getfixturevalue("postgres")
    stores: list[EventStore] = []

    def make() -> EventStore:
        stores.append(EventStore(place))
        return stores[-1]

    yield make
    for store in stores:
        store.close()
    engine = create_engine(url_of(place))
    METADATA.drop_all(engine)
    engine.dispose()


class TestKeeping:
    def test_what_is_kept_is_read_back_as_it_was(self, opened: Callable[[], EventStore]) -> None:
        from plait.experiment import Event, Kept

        written = Event("a/ß 七", "Łódź", "f/0 é", "stars", 4.5, 1_700_000_000.25, {"place": 3, "model": "abc"})
        assert opened().record([written]) == [Kept.NEW]
        assert opened().recent("Łódź", 10) == [written]

    def test_a_key_is_kept_once(self, opened: Callable[[], EventStore]) -> None:
        from plait.experiment import Kept

        store = opened()
        assert store.record([event(1), event(2), event(1)]) == [Kept.NEW, Kept.NEW, Kept.REPEATED]
        assert opened().record([event(2), event(3)]) == [Kept.REPEATED, Kept.NEW]
        assert store.count() == 3
        assert store.record([]) == []

    def test_recent_ones_come_oldest_first_and_of_one_user(self, opened: Callable[[], EventStore]) -> None:
        store = opened()
        store.record([event(n, user="ann" if n % 2 else "bob") for n in range(300)])
        assert [found.key for found in store.recent("ann", 3)] == ["k295", "k297", "k299"]
        assert store.recent("nobody", 3) == []

    def test_many_writers_at_once(self, opened: Callable[[], EventStore]) -> None:
        from plait.experiment import Kept

        stores = [opened(), opened()]
        with ThreadPoolExecutor(16) as pool:
            # Each event is sent twice, to either store.
            done = list(pool.map(lambda n: stores[n % 2].record([event(n // 2)])[0], range(800)))
        assert done.count(Kept.NEW) == 400
        assert stores[0].count() == 400

    def test_a_user_is_forgotten(self, opened: Callable[[], EventStore]) -> None:
        store = opened()
        store.record([event(1), event(2), event(3, user="bob")])
        assert store.forget("ann") == 2
        assert store.recent("ann", 9) == []
        assert store.count() == 1

    def test_changes_are_kept_newest_first(self, opened: Callable[[], EventStore]) -> None:
        from plait.experiment import Change

        store = opened()
        store.note(Change(1.0, "ops", "model", {"to": "abc"}))
        store.note(Change(2.0, "ops", "formula", {"to": "click^2"}))
        assert [change.what for change in store.changes()] == ["formula", "model"]
        assert store.changes(1)[0].more == {"to": "click^2"}


def item(number: int, table: str = "films") -> Item:
    from plait.experiment import Item

    return Item(table, f"f/{number} é", {"film_id": f"f/{number} é", "year": 1999, "tags": ["七", None]}, float(number))


class TestNewItems:
    def test_they_come_back_in_their_order_and_as_they_were(self, opened: Callable[[], EventStore]) -> None:
        store = opened()
        store.keep_items([item(3), item(1)])
        store.keep_items([item(3, "books")])
        store.keep_items([item(2)])
        found = opened().items("films")
        assert [one for _, one in found] == [item(3), item(1), item(2)]
        assert [one for _, one in store.items("films", found[1][0])] == [item(2)]
        assert [one for _, one in store.items("films", 0, 1)] == [item(3)]
        assert store.items("books", found[2][0]) == []

    def test_all_are_kept_or_none_and_none_twice(self, opened: Callable[[], EventStore]) -> None:
        from plait.errors import DataError

        store, other = opened(), opened()
        store.keep_items([item(1)])
        for lot in ([item(2), item(1)], [item(3), item(3)]):
            with pytest.raises(DataError, match=r"should have ids of their own.*Found some that were added before"):
                other.keep_items(lot)
        assert [one for _, one in store.items("films")] == [item(1)]
        assert store.drop_items("films", [item(1).id, item(9).id]) == 1
        other.keep_items([item(2), item(1)])
        assert len(store.items("films")) == 2

    def test_who_reads_on_misses_none(self, opened: Callable[[], EventStore]) -> None:
        """Writers in several stores at once, events between: numbers are seen in the order of their commits."""
        stores, reader = [opened(), opened()], opened()
        seen: list[str] = []
        place = 0

        def write(number: int) -> None:
            stores[number % 2].keep_items([item(2 * number), item(2 * number + 1)])
            stores[number % 2].record([event(number)])

        def read() -> None:
            nonlocal place
            for number, one in reader.items("films", place):
                place = number
                seen.append(one.id)

        with ThreadPoolExecutor(8) as pool:
            writing = [pool.submit(write, number) for number in range(40)]
            while not all(one.done() for one in writing):
                read()
        for one in writing:
            one.result()
        read()
        assert sorted(seen) == sorted(item(number).id for number in range(80))


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"key": ""},
            {"user": "a\0b"},
            {"item": "\ud800"},
            {"kind": "x" * 101},
            {"value": float("nan")},
            {"at": float("inf")},
        ],
    )
    def test_what_a_database_would_change_is_refused(self, tmp_path: Path, wrong: dict[str, object]) -> None:
        from dataclasses import replace

        from plait.errors import DataError
        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db")
        with pytest.raises(DataError, match=r"of an event should be a (text of 1 to|finite number)"):
            store.record([event(1), replace(event(2), **wrong)])
        assert store.count() == 0
        with pytest.raises(DataError, match=r"`id` of an item should be a text of 1 to 500 letters"):
            store.keep_items([item(1), replace(item(2), id="a\0b")])
        assert store.items("films") == []
        store.close()

    def test_a_locked_store_acknowledges_nothing_and_recovers(self, tmp_path: Path) -> None:
        from plait.errors import StoreError
        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db", patience=0.1)
        other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked by another writer\. Nothing was kept; send them again"):
            store.record([event(1)])
        with pytest.raises(StoreError, match=r"The items should be kept and were not: .*; send them again\.$"):
            store.keep_items([item(1)])
        assert store.recent("ann", 5) == [], "readers do not wait for the writer"
        assert store.items("films") == []
        other.execute("ROLLBACK")
        other.close()
        assert len(store.record([event(1)])) == 1
        assert store.count() == 1
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.record([event(2)])

    def test_a_server_that_is_gone_says_so_and_shows_no_password(self) -> None:
        from plait.errors import StoreError
        from plait.experiment import EventStore

        with pytest.raises(StoreError, match=r"The event store postgresql://127\.0\.0\.1/none should open") as raised:
            EventStore("postgresql://plait:se-cr-et@127.0.0.1:9/none")
        assert "se-cr-et" not in str(raised.value)
        assert raised.value.__cause__ is None

    @pytest.mark.parametrize(
        "url", ["mysql://u:se-cr-et@h/d", "sqlite://", "nothing://u:se-cr-et@h", "postgresql://u:p@h:port/d"]
    )
    def test_other_stores_are_refused(self, url: str) -> None:
        from plait.errors import RecipeError
        from plait.experiment import EventStore

        with pytest.raises(
            RecipeError, match="An event store should be a file, or sqlite:///FILE or postgresql://"
        ) as raised:
            EventStore(url)
        assert "se-cr-et" not in str(raised.value)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        from plait.errors import StoreError
        from plait.experiment import EventStore

        with pytest.raises(StoreError, match=r"should open and hold its tables\. Found: unable to open database file"):
            EventStore(tmp_path / "nowhere" / "events.db")


class TestSharing:
    def test_events_that_wait_together_share_a_commit(self, tmp_path: Path) -> None:
        from sqlalchemy import event as happenings

        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db")
        commits: list[float] = []
        happenings.listen(store._write, "commit", lambda _: commits.append(time.monotonic()))
        other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        threads = [threading.Thread(target=store.record, args=([event(n)],)) for n in range(50)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        other.execute("ROLLBACK")
        other.close()
        for thread in threads:
            thread.join()
        assert store.count() == 50
        assert len(commits) <= 5
        store.close()

    def test_the_disk_is_synced_before_the_answer(self, tmp_path: Path) -> None:
        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db")
        with store._write.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        store.close()
