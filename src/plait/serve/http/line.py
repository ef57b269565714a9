"""One job after another in one thread at a time, while the event loop looks at the clock of the one that is done."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, final

from plait.serve.ask.hands import Hands
from plait.serve.ask.job import Job
from plait.serve.http.admission import Busy

__all__ = ["Errand", "Line"]


@final
class Line:
    """Does one job at a time, in order; when one is left behind, so is its thread, and another goes on.

    Attributes:
        running: whether a job is done, or about to be.
        begun: since when, on the clock of `time.monotonic`; None where it rests.
    """

    def __init__(self) -> None:
        self._hands = Hands()
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._closed = False
        self.running = False
        self.begun: float | None = None

    def put(self, job: Job) -> None:
        """Have a job done after those that wait.

        Raises:
            Busy: no more work is taken.
            RuntimeError: the machine has no thread left.
        """
        with self._lock:
            if self._closed:
                raise Busy()
            if self.running:
                self._waiting.append(job)
                return
            self.running = True
        self.instead(job)

    def instead(self, job: Job) -> None:
        """Go on with a job in place of one that was left behind.

        Raises:
            RuntimeError: the machine has no thread left; the next job that is put goes on with those that wait.
        """
        try:
            self._hands.give(lambda: self._from(job))
        except RuntimeError:
            self._rest()
            raise

    def close(self) -> list[Job]:
        """Take no more, and return those that wait."""
        with self._lock:
            self._closed = True
            found = [*self._waiting]
            self._waiting.clear()
        return found

    def _rest(self) -> None:
        with self._lock:
            self.running, self.begun = False, None

    def _from(self, job: Job) -> Callable[[], object]:
        """Do a job and those behind it; return what tells of the last one."""
        while True:
            self.begun = time.monotonic()
            tell = job.do()
            if job.left:
                return tell
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                self.running, self.begun = following is not None, None
            if following is None:
                return tell
            tell()
            # What was told is nobody's any more, and should be gone before the next answer is made.
            del tell
            job = following


@final
class Errand:
    """What the loop knows of one job: who waits for it, and when to look at the clock.

    Nothing of it refers to itself once it is settled: answers are large, and those that only a collector finds make every
    request work on cold memory.

    Args:
        line: does the work.
        work: what is done, twice where a stage hangs.

    Raises:
        Busy: no more work is taken.
        RuntimeError: the machine has no thread left.
    """

    __slots__ = ("_job", "_line", "_loop", "_waits", "_watch", "_work")

    def __init__(self, line: Line, work: Callable[[], Any]) -> None:
        self._line, self._work, self._loop = line, work, asyncio.get_running_loop()
        self._waits: asyncio.Future[Any] | None = self._loop.create_future()
        self._job: Job | None = Job(self._begin, self._post)
        line.put(self._job)
        self._watch = self._loop.call_later(self._job.wait(), self._look)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for what becomes of it."""
        assert self._waits is not None
        return self._waits.__await__()

    def _begin(self) -> Any:  # noqa: ANN401
        """Do the work, if anybody still waits."""
        if self._waits is not None and self._waits.cancelled():
            raise Busy()
        return self._work()

    def _look(self) -> None:
        if self._job is None:
            return
        following = self._job.relieved()
        if following is not None:
            try:
                self._line.instead(following)
            except RuntimeError as error:
                self._settle(False, error)
                return
            self._job = following
        self._watch = self._loop.call_later(self._job.wait(), self._look)

    def _post(self, done: bool, result: Any) -> None:  # noqa: ANN401
        """Tell the loop, from any thread; where it has ended, nobody waits."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, done, result)

    def _settle(self, done: bool, result: Any) -> None:  # noqa: ANN401
        self._watch.cancel()
        waits, self._waits, self._job = self._waits, None, None
        if waits is None or waits.done():
            return
        if done:
            waits.set_result(result)
        elif isinstance(result, StopIteration):
            waits.set_exception(RuntimeError("work ended with StopIteration, which no future can hold"))
        else:
            waits.set_exception(result)
