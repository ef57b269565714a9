"""How many requests may wait: beyond that the answer is 429 at once, so that those inside stay quick."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, final

from plait.errors import PlaitError

__all__ = ["Admission", "Lanes", "Late"]

Said = TypeVar("Said")
_WRITERS: Final = 16


class Late(PlaitError):
    """The request waited past its deadline and was not begun; the answer is 429."""


@final
class Admission:
    """Counts who is inside.

    Args:
        most: how many may be inside, waiting or being answered.

    Attributes:
        inside: how many are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @property
    def full(self) -> bool:
        """Whether the next one must come again later."""
        return self.inside >= self.most


@final
class Lanes:
    """Where the work of a process is done: the model in one thread, in the order of asking, commits beside it.

    Two models' threads in one process would wait for each other's cores; commits wait for the disk, and many share one.

    Args:
        patience: seconds a request may wait before it is begun.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._model = ThreadPoolExecutor(1, thread_name_prefix="plait-model")
        self._store = ThreadPoolExecutor(_WRITERS, thread_name_prefix="plait-store")
        self._begun: float | None = None
        self._idle = threading.Lock()
        self._closed = False

    @property
    def busy_for(self) -> float:
        """Seconds since the model began with what it is doing; 0 where it rests."""
        begun = self._begun
        return 0.0 if begun is None else time.monotonic() - begun

    async def model(self, work: Callable[[], Said]) -> Said:
        """Do the work of the model.

        Raises:
            Late: it waited too long.
        """
        return await self._do(self._model, work, marks=True)

    async def store(self, work: Callable[[], Said]) -> Said:
        """Do work that waits for the disk.

        Raises:
            Late: it waited too long.
        """
        return await self._do(self._store, work, marks=False)

    def later(self, work: Callable[[], None]) -> bool:
        """Do work that nobody waits for, one at a time; say whether it will be done."""
        if self._idle.locked() or self._closed:
            return False
        self._idle.acquire()

        def begin() -> None:
            try:
                work()
            finally:
                self._idle.release()

        self._model.submit(begin)
        return True

    def close(self) -> None:
        """Take no more work; what is under way ends by itself."""
        self._closed = True
        self._model.shutdown(wait=False, cancel_futures=True)
        self._store.shutdown(wait=False, cancel_futures=True)

    async def _do(self, pool: ThreadPoolExecutor, work: Callable[[], Said], *, marks: bool) -> Said:
        deadline = time.monotonic() + self._patience

        def begin() -> Said:
            now = time.monotonic()
            if now > deadline:
                raise Late("The service is busy and did not come to this request in time. Ask again in a second.")
            if not marks:
                return work()
            self._begun = now
            try:
                return work()
            finally:
                self._begun = None

        return await asyncio.get_running_loop().run_in_executor(pool, begin)
