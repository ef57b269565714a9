"""Work whose thread is left alone when a stage of an answer takes too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, final

from plait.serve.ask.stages import Abandoned, Stages

__all__ = ["Job", "Keeper", "current"]

_POLL: Final = 0.05
_LEAST: Final = 0.001
_MOST: Final = 0.25


class Keeper(Protocol):
    """Remembers which stages hang."""

    def hanging(self) -> dict[str, str]:
        """Return those that are not to be begun, and why."""

    def missed(self, stage: str) -> None:
        """Note that a thread hangs in a stage."""

    def back(self, stage: str) -> None:
        """Note that it came back."""


class _Here(threading.local):
    job: Job | None = None


_here: Final = _Here()


def current() -> Job | None:
    """Return what this thread does, where somebody else looks at the clock meanwhile."""
    return _here.job


@final
class Job:
    """Work that makes answers, and is begun anew without a stage that takes longer than it may.

    Whoever gave it looks at it when `wait` is over: `relieved` is then the same work for another thread, if there is need.

    Args:
        work: makes answers and changes nothing: the same ones in the same order when it is done again.
        done: is told whether it succeeded, with its result or what it raised; a job that was left tells nothing.
        without: number of the answer and stage -> why that answer is made without it.
        watched: whether somebody looks at it; where not, its answers are made by others, whom it looks at itself.

    Attributes:
        left: whether nobody waits for it any more.
    """

    def __init__(
        self,
        work: Callable[[], Any],
        done: Callable[[bool, Any], object],
        without: Mapping[tuple[int, str], str] | None = None,
        *,
        watched: bool = True,
    ) -> None:
        self._work, self._done, self._without, self._watched = work, done, without or {}, watched
        self._lock = threading.Lock()
        self._stages: Stages | None = None
        self._keeper: Keeper | None = None
        self._outcome: tuple[bool, Any] | None = None
        self._answers = 0
        self._ended = False
        self._stage, self._number = "", 0
        self.left = False

    def do(self) -> Callable[[], object]:
        """Do it in this thread, and return what tells whoever waits."""
        _here.job = self if self._watched else None
        self._outcome = _attempt(self._work)
        _here.job = None
        with self._lock:
            self._ended = True
        if self.left:
            assert self._keeper is not None
            self._keeper.back(self._stage)
        return self._tell

    def _tell(self) -> None:
        # No frame above the work may hold what it raised: the error leads back to all of them.
        outcome, self._outcome = self._outcome, None
        if not self.left and outcome is not None:
            self._done(*outcome)

    def refuse(self, error: BaseException) -> None:
        """Tell whoever waits that it is not done."""
        self._done(False, error)

    def begin(self, keeper: Keeper) -> Stages:
        """Return the stages of the next answer.

        Args:
            keeper: remembers which of them hang.

        Raises:
            Abandoned: nobody waits for it.
        """
        if self.left:
            raise Abandoned
        number, self._answers = self._answers, self._answers + 1
        own = {stage: why for (answer, stage), why in self._without.items() if answer == number}
        stages = Stages({**keeper.hanging(), **own})
        if self._stages is None or self._stages.current is None:
            # An answer inside a stage of another has that stage's time.
            self._keeper, self._stages, self._number = keeper, stages, number
        return stages

    def wait(self) -> float:
        """Return in how many seconds it should be looked at."""
        stage = None if self._stages is None else self._stages.current
        return _POLL if stage is None else min(max(stage.until - time.perf_counter(), _LEAST), _MOST)

    def relieved(self) -> Job | None:
        """Leave it, and return the same work without the stage it hangs in; None where it hangs in none."""
        stages, keeper = self._stages, self._keeper
        stage = None if stages is None else stages.current
        if stages is None or keeper is None or stage is None or time.perf_counter() < stage.until:
            return None
        with self._lock:
            if self._ended or stages.current is not stage:
                return None
            self.left = stages.abandoned = True
            self._stage = stage.name
        keeper.missed(stage.name)
        took = f"`{stage.name}` took longer than {stage.seconds * 1000:.0f} ms"
        following = Job(self._work, self._done, {**self._without, (self._number, stage.name): took})
        # Whoever hangs for ever should not keep what others were told meanwhile.
        self._done = _nothing
        return following


def _attempt(work: Callable[[], Any]) -> tuple[bool, Any]:
    """Do work; return whether it succeeded, with its result or what it raised."""
    try:
        return True, work()
    except BaseException as error:  # noqa: BLE001  raised again by whoever asked
        return False, error


def _nothing(*_: object) -> None:
    """Tell nobody."""
