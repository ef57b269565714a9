"""SIGTERM and Ctrl-C: finish the step, write a checkpoint, leave."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import final

__all__ = ["Interrupt"]


@final
class Interrupt:
    """Catch the first SIGTERM or SIGINT and remember it; the second acts as it would have.

    A context manager. Outside the main thread, where Python delivers no signals, it catches nothing.

    Attributes:
        caught: name of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.caught: str | None = None
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.caught = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            # A handler that was set from C cannot be set again from Python; the default is what remains.
            signal.signal(number, handler if callable(handler) or isinstance(handler, int) else signal.SIG_DFL)
