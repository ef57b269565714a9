"""An answer that may hang is made while somebody looks at the clock, and made again when a stage takes too long."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, final

from plait.serve.ask.hands import Hands
from plait.serve.ask.job import Job, current
from plait.serve.ask.stages import Stages

__all__ = ["Crew"]

Said = TypeVar("Said")

_STUCK: Final = 2


@final
class Crew:
    """Makes answers in threads that can be left behind.

    Whoever asks looks at the clock meanwhile; whoever asks from a thread that is looked at already (`Job`) makes the answer
    there. When a stage takes longer than it may, its thread is left behind and the answer is made again without that stage.
    While two hang over the same stage, answers are made without it from the start, so that one fault does not make everybody
    wait; who comes back joins again. A whole answer is one piece of work, since on a busy machine every change of threads
    costs more than most stages.
    """

    def __init__(self) -> None:
        self._hands = Hands()
        self._lock = threading.Lock()
        self._stuck: Counter[str] = Counter()

    def answer(self, work: Callable[[Stages], Said]) -> Said:
        """Make an answer.

        Args:
            work: makes it, stage by stage, and changes nothing; what it raises is raised here.
        """
        here = current()
        if here is not None:
            return work(here.begin(self))
        outcome: SimpleQueue[tuple[bool, Any]] = SimpleQueue()
        job = Job(lambda: self.answer(work), lambda done, result: outcome.put((done, result)))
        self._hands.give(job.do)
        while True:
            try:
                done, result = outcome.get(timeout=job.wait())
            except Empty:
                following = job.relieved()
                if following is not None:
                    job = following
                    self._hands.give(job.do)
                continue
            if done:
                found: Said = result
                return found
            try:
                raise result
            finally:
                # Else this frame and the error would hold each other until the collector comes.
                del result

    def hanging(self) -> dict[str, str]:
        """Return the stages in which too many hang, and why they are not begun."""
        if not self._stuck:
            return {}
        with self._lock:
            stuck = [name for name, count in self._stuck.items() if count >= _STUCK]
        return {name: f"`{name}` hangs, and was not asked again" for name in stuck}

    def missed(self, stage: str) -> None:
        """Note that a thread hangs in a stage."""
        with self._lock:
            self._stuck[stage] += 1

    def back(self, stage: str) -> None:
        """Note that it came back."""
        with self._lock:
            self._stuck[stage] -= 1
