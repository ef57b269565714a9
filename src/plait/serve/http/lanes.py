"""Where the work of a process is done: the model's one at a time, in the order of asking, commits beside it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, final

from plait.serve.ask.job import Job
from plait.serve.http.admission import Busy
from plait.serve.http.line import Errand, Line

__all__ = ["Lanes"]

Said = TypeVar("Said")
_WRITERS: Final = 16
_PAUSE: Final = 0.01


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
        self._model = Line()
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
        answer: Said = await Errand(self._model, self._in_time(work))
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
            job.refuse(Busy())
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
                raise Busy()
            begun = True
            return work()

        return begin
