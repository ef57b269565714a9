"""The model works one question at a time; what hangs is left behind, and whoever comes next is answered."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest

from plait.serve.ask.crew import Crew
from plait.serve.ask.stages import Stages
from plait.serve.http.admission import Busy
from plait.serve.http.lanes import Lanes


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

    with pytest.raises(Busy):
        asyncio.run(late())
    lanes.close()


def test_what_waits_is_refused_at_the_end(lanes: Lanes, release: threading.Event) -> None:
    assert lanes.later(release.wait)

    async def closed() -> None:
        waiting = asyncio.ensure_future(lanes.model(lambda: 1))
        await asyncio.sleep(0.01)
        lanes.close()
        await waiting

    with pytest.raises(Busy):
        asyncio.run(closed())
    release.set()
    lanes.close(patience=5.0)
    assert lanes.busy_for == 0.0, "what was under way was waited for"
    assert not lanes.later(release.wait)
    with pytest.raises(Busy):
        asyncio.run(lanes.model(lambda: 1))


def test_each_answer_of_a_page_has_its_own_stages(lanes: Lanes, release: threading.Event) -> None:
    crew, times = Crew(), [0]

    def one(stages: Stages) -> list[str]:
        times[0] += 1
        stages.run("slow", release.wait if times[0] == 1 else lambda: None, 0.05)
        return stages.degraded

    first, second = asyncio.run(lanes.model(lambda: (crew.answer(one), crew.answer(one))))
    assert first == ["slow: `slow` took longer than 50 ms"]
    assert second == [], "another answer of the same work is made with all its stages"


def test_an_answer_that_came_too_late_goes_no_further(lanes: Lanes, release: threading.Event) -> None:
    crew, gone = Crew(), []

    def work(stages: Stages) -> int:
        stages.run("slow", release.wait, 0.05)
        gone.append(threading.get_ident())
        return 1

    assert asyncio.run(lanes.model(lambda: crew.answer(work))) == 1
    release.set()
    until = time.monotonic() + 5
    while crew._stuck["slow"] and time.monotonic() < until:
        time.sleep(0.01)
    assert len(gone) == 1


def test_work_of_whoever_left_is_not_begun(lanes: Lanes, release: threading.Event) -> None:
    done: list[int] = []

    async def left() -> None:
        assert lanes.later(release.wait)
        waiting = asyncio.ensure_future(lanes.model(lambda: done.append(1)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.sleep(0.01)
        release.set()
        assert await lanes.model(lambda: 2) == 2

    asyncio.run(left())
    assert done == []


def test_a_machine_without_threads_stops_nobody_who_comes_later(lanes: Lanes, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError, match="thread"):
            asyncio.run(lanes.model(lambda: 1))
        assert not lanes.later(lambda: None)
    assert asyncio.run(lanes.model(lambda: 1)) == 1
    assert lanes.later(lambda: None)


def test_what_work_raises_is_raised_where_it_was_asked(lanes: Lanes) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(lanes.model(lambda: 1 / 0))
    assert asyncio.run(lanes.model(lambda: 3)) == 3


class Answer:
    pass


class Failure(Exception):
    pass


async def _given(lanes: Lanes) -> weakref.ref[Answer]:
    answer = await lanes.model(Answer)
    return weakref.ref(answer)


async def _raised(lanes: Lanes) -> weakref.ref[Failure]:
    def fail() -> None:
        raise Failure

    try:
        await lanes.model(fail)
    except Failure as error:
        return weakref.ref(error)
    raise AssertionError


async def _followed(lanes: Lanes) -> weakref.ref[Answer]:
    first, second = lanes.model(Answer), lanes.model(lambda: 2)
    answer, _ = await asyncio.gather(first, second)
    return weakref.ref(answer)


@pytest.mark.parametrize("asked", [_given, _raised, _followed])
def test_an_answer_is_gone_once_it_is_given(
    lanes: Lanes, asked: Callable[[Lanes], Coroutine[Any, Any, weakref.ref[Any]]]
) -> None:
    gc.disable()
    try:
        gone = asyncio.run(asked(lanes))
        until = time.monotonic() + 5
        while gone() is not None and time.monotonic() < until:
            time.sleep(0.005)
        assert gone() is None, "nothing that refers to itself should hold it"
    finally:
        gc.enable()


_ENDING = """
import asyncio, time, torch
from plait.serve.http.lanes import Lanes
torch.set_num_threads(1)
square, lanes = torch.randn(300, 300), Lanes(5.0)
def work():
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        square @ square
async def begin():
    assert lanes.later(work)
    await asyncio.sleep(0.05)
asyncio.run(begin())
lanes.close(patience=60.0)
"""


def test_a_process_ends_well_with_work_under_way() -> None:
    ended = subprocess.run([sys.executable, "-c", _ENDING], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, ""), "an interpreter that ends below a product of matrices aborts"
