"""`plait serve` answers where it says, from the run folder alone, and ends quietly with Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from support.films import trained, write_films


def test_it_answers_and_ends_quietly(tmp_path: Path) -> None:
    run = trained(write_films(tmp_path / "tables"), tmp_path / "tables")
    moved = tmp_path / "elsewhere"
    run.folder.rename(moved)
    for path in (tmp_path / "tables").glob("*.parquet"):
        path.unlink()
    command = [sys.executable, "-m", "plait", "serve", str(moved), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        try:
            assert line.startswith("Page: http://127.0.0.1:")
            with urlopen(f"{line.split()[1]}/v1/recommend?user=7&count=3", timeout=60) as answer:
                assert len(json.load(answer)["items"]) == 3
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        assert process.returncode == 0
        assert "Traceback" not in process.stderr.read()
