"""The whole service in a process of its own: its real routes, over HTTP, by its own clock of processor time."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from bench.processes import ROOT

__all__ = ["Caller", "Service"]


class Caller:
    """Asks over one connection, without a library whose own time would count.

    Args:
        address: of the service.
    """

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)

    def post(self, path: str, asked: dict[str, Any]) -> tuple[float, bytes]:
        """Return the seconds a request took, and the answer."""
        body = json.dumps(asked).encode()
        start = time.perf_counter()
        self._connection.request("POST", path, body, {"Content-Type": "application/json"})
        said = self._connection.getresponse()
        answer = said.read()
        taken = time.perf_counter() - start
        assert said.status == 200, answer[:300]
        return taken, answer

    def get(self, path: str) -> Any:
        """Return what JSON a path holds."""
        self._connection.request("GET", path)
        return json.loads(self._connection.getresponse().read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


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
        self._client = Caller(self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def ask(self, path: str, asked: dict[str, Any]) -> float:
        """Return the seconds a request took."""
        taken, answer = self._client.post(path, asked)
        assert not json.loads(answer)["degraded"], answer[:300]
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
