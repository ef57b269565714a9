"""New items are on the disk before they are acknowledged: whoever starts later offers them too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plait.errors import DataError, StoreError
from plait.experiment import EventStore, Item
from plait.export.bundle import load_bundle
from plait.serve.ask.questions import ItemsAsked, ScoreAsked
from plait.serve.deploy.newcomers import Follower, KeptNewcomers
from plait.serve.service import Service

if TYPE_CHECKING:
    from plait.run.run import Run


@pytest.fixture
def told(films_run: Run, tmp_path: Path) -> Iterator[Service]:
    """A service with a store of its own and a model of its own, to which nobody else adds."""
    store = EventStore(tmp_path / "events.db", patience=0.05)
    yield Service(load_bundle(films_run.folder), store)
    store.close()


def rows(*names: str, **more: Any) -> ItemsAsked:
    return ItemsAsked(rows=[{"film_id": name, "title": f"A film {name}", "genres": "drama", **more} for name in names])


def title(service: Service, item: str) -> str | None:
    found = service.score(ScoreAsked(user="5", items=[item])).items
    return found[0].title if found else None


def started(run: Path, store: EventStore) -> tuple[Service, Follower]:
    """Start anew, as a worker does."""
    service = Service(load_bundle(run), store)
    return service, Follower(KeptNewcomers(store, "films"), service.offer)


def test_they_are_there_after_a_new_start(told: Service, tmp_path: Path) -> None:
    answer = told.add_items(rows("n1", "七"))
    assert (answer.items, answer.kept) == (["n1", "七"], True)
    store = EventStore(tmp_path / "events.db")
    again, follower = started(told.bundle.run.folder, store)
    assert title(again, "n1") is None
    assert follower.catch_up() == 2
    assert (title(again, "n1"), title(again, "七")) == ("A film n1", "A film 七")
    told.add_items(rows("n2"))
    assert follower.catch_up() == 1 and follower.catch_up() == 0
    with pytest.raises(DataError, match="added before, perhaps just now through another worker"):
        # Another worker took the name, and this one did not hear of it yet.
        started(told.bundle.run.folder, store)[0].add_items(rows("n2", "n3"))
    assert len(store.items("films")) == 3
    store.close()


def test_without_a_store_nothing_is_kept(service: Service) -> None:
    assert service.add_items(rows("for a while")).kept is False


def test_what_is_refused_is_not_kept(told: Service, tmp_path: Path) -> None:
    for wrong in (rows("f/1 é"), rows("new", year=1999), rows("n1", "n1"), ItemsAsked(rows=[{"title": "No id"}])):
        with pytest.raises(DataError):
            told.add_items(wrong)
    store = EventStore(tmp_path / "events.db")
    assert store.items("films") == []
    store.close()
    assert told.add_items(rows("new", "n1")).kept


def test_what_is_not_kept_is_not_offered(told: Service, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="The items should be kept and were not"):
        told.add_items(rows("n1"))
    assert title(told, "n1") is None
    other.execute("ROLLBACK")
    other.close()
    assert told.add_items(rows("n1")).kept
    assert title(told, "n1") == "A film n1"


def test_an_item_of_the_model_itself_wins(told: Service, tmp_path: Path) -> None:
    """A later model was trained with some of them; others it cannot read. The rest is offered."""
    store = EventStore(tmp_path / "events.db")
    lot = [*rows("n1", "f/2 é", "f/7 é").rows, {"film_id": "n2", "year": 7}, *rows("n3").rows]
    store.keep_items([Item("films", str(row["film_id"]), dict(row)) for row in lot])
    service, follower = started(told.bundle.run.folder, store)
    before = title(service, "f/7 é")
    assert before == "Film 7"
    assert follower.catch_up() == 2
    assert [title(service, name) for name in ("n1", "n2", "n3", "f/7 é")] == ["A film n1", None, "A film n3", "Film 7"]
    store.close()
