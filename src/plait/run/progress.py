"""What a person sees while a job prepares: a bar with rate and remaining time on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from rich.progress import Progress
from plait.progress import Tell

__all__ = ["progress"]

_SECONDS_BETWEEN_LINES: Final = 10.0


@final
class _Lines:
    """Says when something starts to take long, and when it is done: for logs."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        last = self._said.get(what)
        if done >= total:
            self._said.pop(what, None)
            if last is not None or total <= 1:
                self._say(f"{what}: done")
        elif last is None or now - last > _SECONDS_BETWEEN_LINES:
            self._said[what] = now
            if last is not None:
                self._say(f"{what}: {done:,} of {total:,}")

    def close(self) -> None:
        self._said.clear()

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201


@final
class _Bars:
    """One bar at a time; it goes away when its work is done, so that the training's own bar can follow."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: Progress | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what or self._bar is None:
            self.close()
            self._what, self._bar = what, self._open(what, total)
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)
        if done >= total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _open(self, what: str, total: int) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        bar.add_task(what, total=total)
        bar.start()
        return bar


@contextmanager
def progress() -> Iterator[Tell]:
    """Give a `tell(what, done, total)` that suits where stderr goes, and clean up after it."""
    tell = _Bars() if sys.stderr.isatty() else _Lines()
    try:
        yield tell
    finally:
        tell.close()
