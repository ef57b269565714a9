"""An answer that may hang is made by somebody else, who is left alone when a stage takes too long."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, final

import torch

from plait.serve.ask.stages import Stage, Stages

__all__ = ["Crew"]

Said = TypeVar("Said")

_STUCK: Final = 2
_POLL: Final = 0.05
_LEAST: Final = 0.001
_REST: Final = 10.0
"""Seconds without work after which a thread ends; else those of models that answer no longer would stay for ever."""


@final
class _Job:
    __slots__ = ("outcome", "stages", "work")

    def __init__(self, work: Callable[[Stages], Any], stages: Stages) -> None:
        self.work = work
        self.stages = stages
        self.outcome: SimpleQueue[tuple[bool, Any]] = SimpleQueue()


@final
class Crew:
    """Threads that make answers while whoever asked looks at the clock.

    When a stage takes longer than it may, its thread is left behind and the answer is made again without that stage. While
    two hang over the same stage, answers are made without it from the start, so that one fault does not make everybody
    wait; who comes back joins again. A whole answer is one piece of work, since on a busy machine every change of threads
    costs more than most stages.
    """

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[_Job]] = []
        self._lock = threading.Lock()
        self._stuck: Counter[str] = Counter()

    def answer(self, work: Callable[[Stages], Said]) -> Said:
        """Make an answer.

        Args:
            work: makes it, stage by stage, and changes nothing; what it raises is raised here.
        """
        without = {name: f"`{name}` hangs, and was not asked again" for name in self._hanging()}
        while True:
            job = _Job(work, Stages(without))
            self._hand().put(job)
            outcome = _outcome(job)
            if isinstance(outcome, Stage):
                took = f"`{outcome.name}` took longer than {outcome.seconds * 1000:.0f} ms"
                without = {**without, outcome.name: took}
                self._leave(job, outcome.name)
                continue
            done, result = outcome
            if not done:
                raise result
            found: Said = result
            return found

    def _hanging(self) -> list[str]:
        if not self._stuck:
            return []
        with self._lock:
            return [name for name, count in self._stuck.items() if count >= _STUCK]

    def _hand(self) -> SimpleQueue[_Job]:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        hand: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._serve, args=(hand,), name="plait-answer", daemon=True).start()
        return hand

    def _leave(self, job: _Job, name: str) -> None:
        """Leave somebody behind, and count them as well again once they come back."""
        job.stages.abandoned = True
        with self._lock:
            self._stuck[name] += 1

        def wait() -> None:
            job.outcome.get()
            with self._lock:
                self._stuck[name] -= 1

        threading.Thread(target=wait, name="plait-late", daemon=True).start()

    def _serve(self, hand: SimpleQueue[_Job]) -> None:
        with torch.no_grad():
            while True:
                try:
                    job = hand.get(timeout=_REST)
                except Empty:
                    with self._lock:
                        if hand not in self._idle:
                            # Somebody has just taken it, and will put work into it.
                            continue
                        self._idle.remove(hand)
                    return
                try:
                    outcome: tuple[bool, Any] = (True, job.work(job.stages))
                except BaseException as error:  # noqa: BLE001  raised again by whoever asked
                    outcome = (False, error)
                with self._lock:
                    self._idle.append(hand)
                job.outcome.put(outcome)
                del job, outcome


def _outcome(job: _Job) -> tuple[bool, Any] | Stage:
    """Wait for what becomes of an answer: made, failed, or held up by a stage that takes longer than it may."""
    while True:
        current = job.stages.current
        left = _POLL if current is None else max(current.until - time.perf_counter(), _LEAST)
        try:
            return job.outcome.get(timeout=left)
        except Empty:
            if current is not None and job.stages.current is current and time.perf_counter() >= current.until:
                return current
