"""A board all workers of a service look at: what should answer, and who has come so far."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, final

from plait.serve.deploy.newcomers import Newcomers

__all__ = ["Board", "Wanted"]

_WANTED: Final = "wanted.json"
_SUGGESTED: Final = "suggested.json"
_POLL: Final = 0.02


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """What should answer.

    Attributes:
        live: folder of the model in place.
        version: SHA-256 of that model's manifest.
        number: counts the changes.
        shadow: folder of the model that answers beside it, unseen.
        share: share of the requests that it answers too.
        formula: how the tasks' scores combine, where an operator changed it.
    """

    live: str
    version: str
    number: int = 0
    shadow: str | None = None
    share: float = 0.0
    formula: str | None = None


@final
class Board:
    """A folder on this machine.

    Args:
        folder: where; it exists.

    Attributes:
        newcomers: the items that any worker was told of.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.newcomers = Newcomers(folder)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let one worker at a time change what is wanted."""
        with (self._folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def read(self) -> Wanted | None:
        """Return what is wanted; None where nothing was changed yet."""
        try:
            return Wanted(**json.loads((self._folder / _WANTED).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def post(self, wanted: Wanted) -> Wanted:
        """Say what is wanted, for all workers, and return it with its number."""
        before = self.read()
        wanted = replace(wanted, number=1 if before is None else before.number + 1)
        self._write(_WANTED, asdict(wanted))
        return wanted

    def arrive(self, number: int) -> None:
        """Say that this worker answers as change `number` wants; 0 is the start."""
        self._write(f"worker-{os.getpid()}.json", {"number": number})

    def suggest(self, command: str) -> None:
        """Leave a command that asks the model something, for whoever started the service."""
        self._write(_SUGGESTED, {"command": command})

    def suggested(self) -> str:
        """Return the command that was left."""
        try:
            return str(json.loads((self._folder / _SUGGESTED).read_text(encoding="utf-8"))["command"])
        except FileNotFoundError:
            return ""

    def leave(self, pid: int) -> None:
        """Take a worker off that ended."""
        with suppress(FileNotFoundError):
            (self._folder / f"worker-{pid}.json").unlink()

    def arrived(self, number: int) -> int:
        """Count the workers that have come to a change."""
        return sum(found >= number for found in self._workers())

    def wait(self, number: int, seconds: float) -> tuple[int, int]:
        """Wait until all workers have come to a change, and return how many have, of how many."""
        end = time.monotonic() + seconds
        while True:
            found = self._workers()
            here = sum(other >= number for other in found)
            if here == len(found) or time.monotonic() > end:
                return here, len(found)
            time.sleep(_POLL)

    def _workers(self) -> list[int]:
        found = []
        for file in self._folder.glob("worker-*.json"):
            with suppress(FileNotFoundError):
                found.append(int(json.loads(file.read_text(encoding="utf-8"))["number"]))
        return found

    def _write(self, name: str, content: dict[str, object]) -> None:
        new = self._folder / f"{name}.{os.getpid()}.new"
        new.write_text(json.dumps(content), encoding="utf-8")
        new.replace(self._folder / name)
