"""Where the work of a process is done: the model's one at a time, in the order of asking, commits beside it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar, final

from plait.errors import PlaitError
from plait.serve.ask.hands import Hands
from plait.serve.ask.job import Job

__all__ = ["Busy", "Lanes"]

Said = TypeVar("Said")
_WRITERS: Final = 16
_PAUSE: Final = 0.01
_BUSY: Final = "The service is busy and did not come to this request in time. Ask again in a second."


class Busy(PlaitError):
    """The request waited past its deadline and was not begun; the answer is 429."""


@final
class _Line:
    """Does one job at a time, in order; when one is left behind, so is its thread, and another goes on."""

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
                raise Busy(_BUSY)
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
class _Errand:
    """What the loop knows of one job: who waits for it, and when to look at the clock.

    Nothing of it refers to itself once it is settled: answers are large, and those that only a collector finds make every
    request work on cold memory.
    """

    __slots__ = ("_job", "_line", "_loop", "_waits", "_watch", "_work")

    def __init__(self, line: _Line, work: Callable[[], Any]) -> None:
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
            raise Busy(_BUSY)
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


@final
class Lanes:
    """Where the work of a process is done: the model's one at a time, in the order of asking, commits beside it.

    Two models' threads in one process would wait for each other's cores; commits wait for the disk, and many share one.
    The loop looks at the clock of what the model does, and has it made again where a stage hangs (`Job`): an answer changes
    threads once on its way and once back.

    Args:
        patience: seconds a request may wait before it is begun.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._model = _Line()
        self._store = ThreadPoolExecutor(_WRITERS, thread_name_prefix="plait-store")
        self._idle = threading.Lock()

    @property
    def busy_for(self) -> float:
        """Seconds since the model began with what it is doing; 0 where it rests."""
        begun = self._model.begun
        return 0.0 if begun is None else time.monotonic() - begun

    async def model(self, work: Callable[[], Said]) -> Said:
        """Do the work of the model, which changes nothing.

        Raises:
            Busy: it waited too long, or the service ends.
        """
        answer: Said = await _Errand(self._model, self._in_time(work))
        return answer

    async def store(self, work: Callable[[], Said]) -> Said:
        """Do work that waits for the disk.

        Raises:
            Busy: it waited too long, or the service ends.
        """
        return await asyncio.get_running_loop().run_in_executor(self._store, self._in_time(work))

    def later(self, work: Callable[[], object]) -> bool:
        """Do work that nobody waits for, one at a time; say whether it will be done."""
        if not self._idle.acquire(blocking=False):
            return False
        try:
            self._model.put(Job(work, lambda *_: self._idle.release(), watched=False))
        except (Busy, RuntimeError):
            self._idle.release()
            return False
        return True

    def close(self, patience: float = 0.0) -> None:
        """Take no more work; what is under way ends by itself.

        Args:
            patience: seconds to wait for it: an interpreter that ends below a product of matrices ends with an abort.
        """
        for job in self._model.close():
            job.refuse(Busy(_BUSY))
        self._store.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + patience
        while self._model.running and time.monotonic() < until:
            time.sleep(_PAUSE)

    def _in_time(self, work: Callable[[], Said]) -> Callable[[], Said]:
        """Return work that refuses to be begun after its deadline; what was begun in time may begin again."""
        deadline = time.monotonic() + self._patience
        begun = False

        def begin() -> Said:
            nonlocal begun
            if not begun and time.monotonic() > deadline:
                raise Busy(_BUSY)
            begun = True
            return work()

        return begin
