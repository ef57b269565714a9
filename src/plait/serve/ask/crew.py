"""Work that may hang is done by somebody else, who is left alone when it takes too long."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, final

import torch

from plait.errors import PlaitError

__all__ = ["Crew", "Late"]

Said = TypeVar("Said")

_STUCK: Final = 2


@final
class Late(PlaitError):
    """Something took longer than it may, or others that do the same still hang."""


@final
class _Job:
    __slots__ = ("name", "outcome", "work")

    def __init__(self, name: str, work: Callable[[], Any]) -> None:
        self.name = name
        self.work = work
        self.outcome: SimpleQueue[tuple[bool, Any]] = SimpleQueue()


@final
class Crew:
    """Threads that wait for work.

    One that does not come back in time is left behind and joins again when it does. While some hang over one kind of
    work, more of that kind is refused at once, so that one fault does not make everybody wait.
    """

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[_Job]] = []
        self._lock = threading.Lock()
        self._stuck: Counter[str] = Counter()

    def do(self, name: str, work: Callable[[], Said], seconds: float) -> Said:
        """Do a piece of work.

        Args:
            name: what kind of work it is.
            work: the work; what it raises is raised here.
            seconds: how long it may take.

        Raises:
            Late: it took longer, or others of its kind hang.
        """
        with self._lock:
            if self._stuck[name] >= _STUCK:
                raise Late(f"`{name}` hangs, and was not asked again")
            hand = self._idle.pop() if self._idle else None
        job = _Job(name, work)
        if hand is None:
            hand = SimpleQueue()
            threading.Thread(target=self._serve, args=(hand,), name="plait-stage", daemon=True).start()
        hand.put(job)
        try:
            done, result = job.outcome.get(timeout=seconds)
        except Empty:
            with self._lock:
                self._stuck[name] += 1
            self._watch(job)
            raise Late(f"`{name}` took longer than {seconds * 1000:.0f} ms") from None
        if not done:
            raise result
        found: Said = result
        return found

    def _watch(self, job: _Job) -> None:
        """Count somebody who was late as well again once they come back."""

        def wait() -> None:
            job.outcome.get()
            with self._lock:
                self._stuck[job.name] -= 1

        threading.Thread(target=wait, name="plait-late", daemon=True).start()

    def _serve(self, hand: SimpleQueue[_Job]) -> None:
        with torch.no_grad():
            while True:
                job = hand.get()
                try:
                    outcome: tuple[bool, Any] = (True, job.work())
                except BaseException as error:  # noqa: BLE001  raised again by whoever asked
                    outcome = (False, error)
                with self._lock:
                    self._idle.append(hand)
                job.outcome.put(outcome)
                del job, outcome
