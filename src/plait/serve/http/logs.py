"""What the service writes about itself: one JSON object a line, with no ids, no keys and no words of anybody."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final, Literal, Protocol, final, runtime_checkable

__all__ = ["Log", "Verbosity"]

Verbosity = Literal["problems", "requests"]
_HERE: Final = Path(__file__).resolve().parents[2]


@runtime_checkable
class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int:
        """Take some text."""

    def flush(self) -> None:
        """Pass on what was taken."""


@final
class Log:
    """Writes events of the service.

    What may be said is named by the methods below: a message of an error is not, since it may quote what somebody sent.

    Args:
        verbosity: `requests` writes every request, `problems` only those that failed or were degraded.
        stream: where to; the error stream where None.
    """

    def __init__(self, verbosity: Verbosity = "problems", stream: Stream | None = None) -> None:
        self.verbosity = verbosity
        self._stream = stream

    def request(self, *, id: str, method: str, route: str, status: int, ms: float, key: str, why: str) -> None:
        """Write about one request.

        Args:
            id: made here, and sent back to the asker.
            method: its method.
            route: the pattern of its path, in which ids are names of parameters.
            status: what was answered.
            ms: how long that took.
            key: name of the key.
            why: why it was refused, in one word.
        """
        if self.verbosity == "requests" or status >= 500:
            level = "error" if status >= 500 else "info"
            more = {"key": key} if key else {}
            more |= {"why": why} if why else {}
            self._write(level, "request", id=id, method=method, route=route, status=status, ms=round(ms, 3), **more)

    def failure(self, id: str, route: str, error: BaseException) -> None:
        """Write where an error came from: its class and places in the code, without its message."""
        places = [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-8:]
        ]
        self._write("error", "failure", id=id, route=route, error=type(error).__name__, places=places)

    def change(self, what: str, **more: str | int | float | list[str]) -> None:
        """Write what was changed or happened to the service itself."""
        self._write("info", what, **more)

    def problem(self, what: str, **more: str | int | float | list[str]) -> None:
        """Write what went wrong with the service itself."""
        self._write("warning", what, **more)

    def _write(self, level: str, event: str, **more: Any) -> None:  # noqa: ANN401
        stream: Stream = self._stream or sys.stderr
        line = {"time": round(time.time(), 3), "level": level, "event": event, "pid": os.getpid(), **more}
        try:
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            stream.flush()
        except (OSError, ValueError):
            # Whoever read the log is gone; the answers go on.
            return


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(_HERE)) if path.is_relative_to(_HERE) else path.name
