"""Contestants side by side: all are started first, then take short turns, so that a noisy minute hits all alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

__all__ = ["Contestant", "race"]


@dataclass
class Contestant:
    """A process that trains when asked."""

    name: str
    command: Sequence[str | Path]
    rates: list[float] = field(default_factory=list)
    """Rows per second of each turn."""
    failed: str = ""
    process: subprocess.Popen[str] | None = None
    errors: IO[str] = field(default_factory=lambda: TemporaryFile("w+"))  # noqa: SIM115  # lives as long as the process
    """What it says; a file, since nobody reads it meanwhile."""

    def start(self, threads: int) -> None:
        """Start the process and wait until it is ready."""
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [str(part) for part in self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
        )
        self._answer()

    def turn(self, rows: int) -> float:
        """Train on some rows and return rows per second."""
        if self.failed or self.process is None or self.process.stdin is None:
            return 0.0
        self.process.stdin.write(f"{rows}\n")
        self.process.stdin.flush()
        answer = self._answer()
        return rows / answer["seconds"] if answer else 0.0

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.errors.close()

    def _answer(self) -> dict[str, float]:
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):  # greetings of a library
            line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            self.failed = (self.errors.read().strip().splitlines() or ["ended without a word"])[-1]
            print(f"  {self.name}: {self.failed}")
            return {}
        found: dict[str, float] = json.loads(line)
        return found


def race(
    contestants: Sequence[Contestant], rounds: int, seconds: float, batch: int, threads: int, most: int
) -> dict[str, dict[str, float]]:
    """Let contestants take turns.

    Args:
        contestants: who takes part.
        rounds: how many turns each has.
        seconds: about how long a turn is.
        batch: rows of a step; a turn is a whole number of them.
        threads: how many each gets.
        most: the longest a turn may be, in rows: one pass over the training part, since not everybody goes on by itself.

    Returns:
        Per contestant the best and the median rows per second; without those that failed.
    """
    try:
        for contestant in contestants:
            contestant.start(threads)
        sizes = {}
        for contestant in contestants:
            contestant.turn(2 * batch)  # the first steps allocate
            wanted = max(2, round(contestant.turn(4 * batch) * seconds / batch))
            sizes[contestant.name] = min(wanted, most // batch) * batch
        for _ in range(rounds):
            for contestant in contestants:
                contestant.rates.append(contestant.turn(sizes[contestant.name]))
    finally:
        for contestant in contestants:
            contestant.stop()
    return {
        c.name: {"best": max(c.rates), "median": statistics.median(c.rates)} for c in contestants if c.rates and not c.failed
    }
