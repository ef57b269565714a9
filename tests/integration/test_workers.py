"""Two processes on one address: their counts add up, a killed one is replaced, a change reaches both, the end is quiet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from support.films import trained, write_films


def ask(address: str, path: str, body: dict[str, Any] | None = None) -> str:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address + path, data, {"Content-Type": "application/json"}), timeout=60) as answer:
        return str(answer.read().decode())


def test_two_workers(tmp_path: Path) -> None:
    run = trained(write_films(tmp_path / "tables"), tmp_path / "tables")
    command = [sys.executable, "-m", "plait", "serve", str(run.folder), "--port", "0", "--workers", "2"]
    command += ["--store", str(tmp_path / "events.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            address = process.stdout.readline().split()[1]
            assert process.stdout.readline().startswith(f"Try:  curl '{address}/v1/recommend?user=1&count=3'")
            for number in range(40):
                event = {"user": "7", "item": "f/1 é", "key": f"k{number % 20}"}
                ask(address, "/v1/feedback", event)
            counted = [line for line in ask(address, "/metrics").splitlines() if "/v1/feedback" in line]
            assert any(line.startswith("plait_requests_total") and line.endswith(" 40.0") for line in counted)
            assert json.loads(ask(address, "/v1/admin/models"))["of"] == 2
            row = {"film_id": "n1", "title": "New", "genres": "drama"}
            assert json.loads(ask(address, "/v1/items", {"rows": [row]}))["kept"] is True
            asked, until = {"user": "7", "items": ["n1"]}, time.monotonic() + 20
            met = 0
            while met < 20 and time.monotonic() < until:
                # Each connection may be taken by either worker.
                met = 0 if json.loads(ask(address, "/v1/score", asked))["unknown"] else met + 1
            assert met == 20, "both workers offer the new item"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            assert len(workers) == 2
            os.kill(int(workers[0]), signal.SIGKILL)
            for _ in range(20):
                assert ask(address, "/v2/health/live")
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
        assert process.returncode == 0
        assert "Traceback" not in process.stderr.read()
