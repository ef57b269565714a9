"""An answer is made in stages, each with a time of its own; one that fails is named in the answer and done without."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar, final

from plait.errors import PlaitError, RecipeError, StoreError

__all__ = ["Abandoned", "Late", "Limits", "Stage", "Stages"]

Said = TypeVar("Said")


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """How long each stage may take, in seconds.

    Attributes:
        events: reading what a user did since training.
        retrieve: finding candidates, placing the user and comparing.
        rank: predicting every task for the candidates.
        why: leaving out everything that is known, once each.
    """

    events: float = 0.2
    retrieve: float = 0.5
    rank: float = 1.0
    why: float = 10.0


@final
@dataclass(frozen=True, slots=True)
class Stage:
    """One stage as it runs.

    Attributes:
        name: which.
        seconds: how long it may take.
        until: when that is over, on the clock of `time.perf_counter`.
    """

    name: str
    seconds: float
    until: float


@final
class Late(PlaitError):
    """A stage took longer than it may, or hangs elsewhere and is not asked."""


@final
class Abandoned(Exception):
    """Nobody waits for this answer any more."""


@final
class Stages:
    """The stages of one answer.

    Args:
        without: stage -> why it is not done.

    Attributes:
        degraded: what failed and why.
        took: milliseconds by stage.
        current: the stage that runs; None between stages.
        abandoned: whether nobody waits for the answer any more.
    """

    def __init__(self, without: Mapping[str, str] | None = None) -> None:
        self._without = without or {}
        self._start = self._last = time.perf_counter()
        self.degraded: list[str] = []
        self.took: dict[str, float] = {}
        self.current: Stage | None = None
        self.abandoned = False

    def run(self, name: str, work: Callable[[], Said], seconds: float) -> Said | None:
        """Do a stage; None where it failed, and why is noted.

        Raises:
            RecipeError: it was asked wrongly, which is not the stage's fault.
        """
        try:
            return self.need(name, work, seconds)
        except (RecipeError, Abandoned):
            raise
        except Exception as error:  # noqa: BLE001  whatever a stage fails of, the answer goes on without it
            said = str(error).splitlines()[0][:200] if isinstance(error, PlaitError) else type(error).__name__
            if isinstance(error, StoreError):
                # Where the store lies is nothing for callers.
                said = "the store of events cannot be read"
            self.degraded.append(f"{name}: {said}")
            return None

    def need(self, name: str, work: Callable[[], Said], seconds: float) -> Said:
        """Do a stage without which there is no answer.

        Raises:
            Late: it takes too long.
        """
        if self.abandoned:
            raise Abandoned
        if name in self._without:
            raise Late(self._without[name])
        self.mark("order")
        self.current = Stage(name, seconds, self._last + seconds)
        try:
            said = work()
        finally:
            self.current = None
            self.mark(name)
        if self.abandoned:
            raise Abandoned
        return said

    def mark(self, name: str) -> None:
        """Say that the time since the last mark went into something."""
        now = time.perf_counter()
        self.took[name] = self.took.get(name, 0.0) + (now - self._last) * 1000
        self._last = now

    def told(self) -> dict[str, float]:
        """Return the times of all stages with their sum, rounded."""
        self.mark("order")
        times = {name: round(value, 3) for name, value in self.took.items()}
        return {**times, "total": round((self._last - self._start) * 1000, 3)}
