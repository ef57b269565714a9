"""Starts children of the benches and reads what they measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["CONTESTANTS", "ROOT", "child", "module", "seconds_of"]

ROOT = Path(__file__).resolve().parents[1]
CONTESTANTS = ROOT / "bench" / "contestants"


def child(command: Sequence[str | Path], threads: int) -> dict[str, Any]:
    """Run a process and return the JSON of its last line, with `wall`: seconds from its start to `validated_at`, or its end.

    Raises:
        RuntimeError: it failed; the text is the end of what it said.
    """
    start = time.time()
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[1:4]}: {done.stderr[-600:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found | {"wall": found.get("validated_at", time.time()) - start}


def seconds_of(command: Sequence[str | Path], times: int) -> float:
    """Return the shortest wall-clock time of a command."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([str(part) for part in command], capture_output=True, check=True, cwd=ROOT)
        found.append(time.perf_counter() - start)
    return min(found)


def module(name: str, *arguments: str | Path) -> list[str | Path]:
    """Return the command that runs a module of the benches with Plait's Python."""
    return [sys.executable, "-m", name, *arguments]
