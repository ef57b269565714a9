"""Writers of events are killed at any moment: nothing acknowledged is lost, nothing is kept twice (promise E1)."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WRITERS = Path(__file__).parents[1] / "support" / "writing_events.py"


@contextmanager
def nursery(store: str) -> Iterator[subprocess.Popen[str]]:
    """Start the process that starts writers."""
    command = [sys.executable, str(WRITERS), store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


def killed(store: str, times: int, draw: random.Random) -> set[str]:
    """Start writers one after the other, kill each at some moment, and return what was acknowledged."""
    acknowledged: set[str] = set()
    with nursery(store) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for name in range(times):
            process.stdin.write(f"w{name}\n")
            process.stdin.flush()
            pid = int(process.stdout.readline().split()[1])
            if draw.random() < 0.8:
                # Most are killed while they write; the others while they open the store.
                line = process.stdout.readline()
                acknowledged.add(line.strip())
            time.sleep(draw.random() * 0.03)
            os.kill(pid, signal.SIGKILL)
            while (line := process.stdout.readline()) != "gone\n":
                assert line, "the process that starts writers should live"
                acknowledged.add(line.strip())
    return acknowledged


def check(store: Path, times: int) -> None:
    acknowledged = killed(str(store), times, random.Random(7))
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        keys = [key for (key,) in connection.execute("SELECT key FROM events")]
    connection.close()
    assert len(acknowledged) > times
    assert acknowledged - set(keys) == set(), "an acknowledged event is lost"
    assert len(keys) == len(set(keys)), "an event was kept twice"
    # At most one unacknowledged event of each thread may have reached the disk.
    assert len(set(keys) - acknowledged) <= 4 * times


def test_thirty_kills(tmp_path: Path) -> None:
    check(tmp_path / "events.db", 30)


@pytest.mark.soak
def test_ten_thousand_kills(tmp_path: Path) -> None:
    check(tmp_path / "events.db", 10_000)


def test_an_acknowledgement_before_the_commit_is_found_out(tmp_path: Path) -> None:
    """The control: a store that acknowledges early loses events, and the check sees it."""
    lost = tmp_path / "events.db"
    acknowledged = killed(str(lost), 3, random.Random(1))
    with sqlite3.connect(lost) as connection:
        connection.execute("DELETE FROM events WHERE key = ?", (min(acknowledged),))
        keys = {key for (key,) in connection.execute("SELECT key FROM events")}
    connection.close()
    assert acknowledged - keys
