"""The whole service in a process of its own: its real routes, over HTTP, by its own clock of processor time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from bench.processes import ROOT

__all__ = ["Service"]


class Service:
    """`plait serve` of a run or a bundle, with one thread.

    Args:
        folder: the run or bundle.
        options: further options of the command.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "plait", "serve", str(folder), "--port", "0", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("Page: "), "the service should start"
        self.address = line.split()[1]
        self._process.stdout.readline()
        self._client = httpx.Client(base_url=self.address, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def ask(self, path: str, asked: dict[str, Any]) -> float:
        """Return the seconds a request took."""
        start = time.perf_counter()
        answer = self._client.post(path, content=json.dumps(asked), headers={"Content-Type": "application/json"})
        taken = time.perf_counter() - start
        assert answer.status_code == 200 and not answer.json()["degraded"], answer.text[:300]
        return taken

    def cpu(self) -> float:
        """Return the seconds of processor that the service has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process."""
        self._client.close()
        self._process.kill()
        self._process.communicate()
