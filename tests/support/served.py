"""A service in a process of its own, as `plait serve` starts it, for the tests that load, end or break it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any


@dataclass
class Served:
    """A service that answers.

    Attributes:
        process: the one that was started.
        address: where it answers.
    """

    process: subprocess.Popen[str]
    address: str

    def ask(self, path: str, asked: dict[str, Any] | None = None) -> tuple[int, dict[str, str], str]:
        """Ask by a connection of its own; return the status, the headers by lower-case name and the body."""
        connection = HTTPConnection(self.address.removeprefix("http://"), timeout=60)
        try:
            body = None if asked is None else json.dumps(asked)
            connection.request("GET" if asked is None else "POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read().decode()
        finally:
            connection.close()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it, and return its exit code and what it wrote."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """Serve a run or a bundle until the block ends."""
    command = [sys.executable, "-m", "plait", "serve", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Page: http://127.0.0.1:"), process.communicate(timeout=60)
            process.stdout.readline()
            yield Served(process, line.split()[1])
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
