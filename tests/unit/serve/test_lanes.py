"""The model works one question at a time; what hangs is left behind, and whoever comes next is answered."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from plait.serve.ask.crew import Crew
from plait.serve.ask.stages import Stages
from plait.serve.http.lanes import Lanes, Late


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(patience=5.0)
    yield made
    made.close()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets what hangs go on at the end."""
    event = threading.Event()
    yield event
    event.set()


def hanging(crew: Crew, release: threading.Event, seconds: float = 0.05) -> list[str]:
    """Make an answer of which one stage hangs."""

    def work(stages: Stages) -> list[str]:
        stages.run("slow", release.wait, seconds)
        return stages.degraded

    return crew.answer(work)


def test_work_is_done_in_the_order_of_asking_one_at_a_time(lanes: Lanes) -> None:
    order: list[int] = []
    inside = threading.Lock()

    def work(number: int) -> int:
        assert inside.acquire(blocking=False), "another is at work"
        time.sleep(0.005)
        order.append(number)
        inside.release()
        return number

    async def many() -> list[int]:
        return list(await asyncio.gather(*(lanes.model(partial(work, number)) for number in range(20))))

    assert asyncio.run(many()) == order == list(range(20))


def test_an_answer_is_made_in_the_thread_of_the_lane(lanes: Lanes) -> None:
    crew = Crew()

    def work() -> tuple[int, int]:
        return threading.get_ident(), crew.answer(lambda _: threading.get_ident())

    outside, inside = asyncio.run(lanes.model(work))
    assert outside == inside != threading.get_ident()


def test_what_hangs_is_left_behind_and_the_next_are_answered(lanes: Lanes, release: threading.Event) -> None:
    crew = Crew()

    async def both() -> tuple[list[str], int]:
        first = asyncio.ensure_future(lanes.model(lambda: hanging(crew, release)))
        second = asyncio.ensure_future(lanes.model(lambda: 2))
        return await first, await second

    assert asyncio.run(both()) == (["slow: `slow` took longer than 50 ms"], 2)
    assert lanes.busy_for == 0.0
    assert asyncio.run(lanes.model(lambda: hanging(crew, release))) == ["slow: `slow` took longer than 50 ms"]
    third = asyncio.run(lanes.model(lambda: hanging(crew, release)))
    assert third == ["slow: `slow` hangs, and was not asked again"]
    release.set()
    for _ in range(200):
        if not crew.hanging():
            break
        time.sleep(0.01)
    assert asyncio.run(lanes.model(lambda: hanging(crew, release))) == []


def test_what_was_begun_in_time_may_begin_again_after_its_time(release: threading.Event) -> None:
    lanes, crew = Lanes(patience=0.05), Crew()
    assert asyncio.run(lanes.model(lambda: hanging(crew, release, 0.1))) == ["slow: `slow` took longer than 100 ms"]
    lanes.close()


def test_what_waits_too_long_is_not_begun(release: threading.Event) -> None:
    lanes = Lanes(patience=0.02)
    assert lanes.later(release.wait)
    assert not lanes.later(release.wait), "one at a time"

    async def late() -> None:
        waiting = asyncio.ensure_future(lanes.model(lambda: pytest.fail("it should not be begun")))
        await asyncio.sleep(0.05)
        release.set()
        await waiting

    with pytest.raises(Late):
        asyncio.run(late())
    lanes.close()


def test_what_waits_is_refused_at_the_end(lanes: Lanes, release: threading.Event) -> None:
    lanes.later(release.wait)

    async def closed() -> None:
        waiting = asyncio.ensure_future(lanes.model(lambda: 1))
        await asyncio.sleep(0.01)
        lanes.close()
        await waiting

    with pytest.raises(Late):
        asyncio.run(closed())
    assert not lanes.later(release.wait)


def test_what_work_raises_is_raised_where_it_was_asked(lanes: Lanes) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(lanes.model(lambda: 1 / 0))
    assert asyncio.run(lanes.model(lambda: 3)) == 3


def test_an_answer_is_gone_once_it_is_given(lanes: Lanes) -> None:
    class Answer:
        pass

    async def asked() -> weakref.ref[Answer]:
        answer = await lanes.model(Answer)
        return weakref.ref(answer)

    gc.disable()
    try:
        gone = asyncio.run(asked())
        until = time.monotonic() + 5
        while gone() is not None and time.monotonic() < until:
            time.sleep(0.005)
        assert gone() is None, "nothing that refers to itself should hold it"
    finally:
        gc.enable()
