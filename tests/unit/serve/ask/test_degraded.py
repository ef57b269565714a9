from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
import torch

from plait.data.columns import Prepared
from plait.errors import RunError, StoreError
from plait.export.backend import Asker, Backend
from plait.export.bundle import Bundle
from plait.serve.ask.crew import Crew
from plait.serve.ask.questions import RecommendAsked
from plait.serve.ask.stages import Late, Limits, Stages
from plait.serve.service import Service

FAULTS = ["ranker_hung", "model_missing", "index_missing", "store_locked"]
QUICK = Limits(events=0.05, retrieve=0.2, rank=0.2)


class Locked:
    def record(self, events: list[object]) -> list[object]:
        raise StoreError("the store is locked")

    def recent(self, user: str, count: int) -> list[object]:
        raise StoreError("the store is locked")

    def keep_items(self, items: list[object]) -> None:
        raise StoreError("the store is locked")

    def items(self, table: str, after: int = 0) -> list[object]:
        raise StoreError("the store is locked")

    def drop_items(self, table: str, ids: list[str]) -> int:
        raise StoreError("the store is locked")


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets what hangs go on at the end."""
    event = threading.Event()
    yield event
    event.set()


class Broken(Backend):
    """A backend of which some parts do not work."""

    def __init__(self, inner: Backend, faults: set[str], release: threading.Event) -> None:
        self._inner, self._faults, self._release = inner, faults, release
        self.shape, self.columns, self.version = inner.shape, inner.columns, inner.version

    @property
    def prepared(self) -> Prepared:
        return self._inner.prepared

    @property
    def users(self) -> int:
        return self._inner.users

    @property
    def items(self) -> int:
        return self._inner.items

    def rank(self, asker: Asker, items: torch.Tensor) -> dict[str, torch.Tensor]:
        if "ranker_hung" in self._faults:
            self._release.wait()
        if "model_missing" in self._faults:
            raise RunError("no weights")
        return self._inner.rank(asker, items)

    def query(self, asker: Asker) -> torch.Tensor | None:
        if "model_missing" in self._faults:
            raise RunError("no weights")
        return self._inner.query(asker)

    def places(self) -> torch.Tensor | None:
        if "index_missing" in self._faults:
            raise RunError("no index")
        return self._inner.places()

    def add(self, rows: pa.Table) -> list[int]:
        return self._inner.add(rows)


@pytest.mark.parametrize(
    "faults", [*itertools.combinations(FAULTS, 1), *itertools.combinations(FAULTS, 2), tuple(FAULTS)], ids="+".join
)
def test_recommend_always_answers(films_bundle: Bundle, faults: tuple[str, ...], release: threading.Event) -> None:
    broken = Bundle(films_bundle.run, Broken(films_bundle.backend, {*faults}, release), {})
    store = Locked() if "store_locked" in faults else None
    service = Service(broken, store, QUICK)
    for user in ("5", "nobody", "1"):
        answer = service.recommend(RecommendAsked(user=user, count=5, seen=False, filters={"genres": "drama"}))
        assert len(answer.items) == (0 if user == "1" else 5)
        assert answer.model == films_bundle.version
        rows = [service._shop.offer.items.row_of[p.item] for p in answer.items]
        assert all((row - 1) % 4 in (0, 3) for row in rows)
        assert not set(rows) & set(service._shop.seen.items(int(user) if user != "nobody" else 0).tolist())
        if user == "5":
            said = " ".join(answer.degraded)
            assert ("rank: " in said) == bool({"ranker_hung", "model_missing"} & {*faults})
            assert ("retrieve: " in said) == bool({"index_missing", "model_missing"} & {*faults})
            assert ("events: the store of events cannot be read" in said) == ("store_locked" in faults)


def test_what_hangs_makes_only_the_first_wait(films_bundle: Bundle, release: threading.Event) -> None:
    broken = Bundle(films_bundle.run, Broken(films_bundle.backend, {"ranker_hung"}, release), {})
    service = Service(broken, None, Limits(events=10.0, retrieve=10.0, rank=0.2))
    reasons = [service.recommend(RecommendAsked(user="5")).degraded for _ in range(3)]
    assert reasons[0] == ["rank: `rank` took longer than 200 ms"]
    assert reasons[2] == ["rank: `rank` hangs, and was not asked again"]
    release.set()
    for _ in range(100):
        if not service.recommend(RecommendAsked(user="5")).degraded:
            return
        time.sleep(0.02)
    pytest.fail("a ranker that came back should be asked again")


def test_a_crew_raises_what_its_work_raises() -> None:
    crew = Crew()
    with pytest.raises(KeyError):
        crew.answer(lambda _: {}["x"])
    assert crew.answer(lambda _: 3) == 3
    with pytest.raises(Late, match="`work` took longer than 10 ms"):
        crew.answer(lambda stages: stages.need("work", lambda: time.sleep(0.2), 0.01))


def test_each_stage_has_its_own_time() -> None:
    def work(stages: Stages) -> list[str]:
        for name, seconds in (("slow", 0.05), ("slower", 0.03), ("quick", 1.0)):
            stages.run(name, lambda pause=seconds: time.sleep(0.1 if pause < 1 else 0), seconds)
        return stages.degraded

    assert Crew().answer(work) == ["slow: `slow` took longer than 50 ms", "slower: `slower` took longer than 30 ms"]


def test_an_answer_that_nobody_waits_for_is_not_gone_on_with() -> None:
    gone: list[str] = []

    def work(stages: Stages) -> int:
        stages.run("slow", lambda: time.sleep(0.1), 0.02)
        stages.run("next", lambda: gone.append("next"), 1.0)
        return 1

    assert Crew().answer(work) == 1
    time.sleep(0.2)
    assert gone == ["next"]


def test_whoever_has_nothing_to_do_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.serve.ask.hands._REST", 0.05)
    crew = Crew()
    names = [crew.answer(lambda _: threading.current_thread()) for _ in range(3)]
    until = time.monotonic() + 10
    while any(thread.is_alive() for thread in names) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(thread.is_alive() for thread in names)
    assert [crew.answer(lambda _, n=n: n) for n in range(200)] == list(range(200)), "and others come"
