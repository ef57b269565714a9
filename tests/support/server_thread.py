"""A worker behind a real socket in a thread of the test: its door and its queue are those of the service."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.serve.http.worker import Options, Worker


@contextmanager
def answering(folder: Path, board: Path, options: Options) -> Iterator[tuple[str, Worker]]:
    """Answer with a run until the block ends; yields the address and the worker."""
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Worker, server_of

    board.mkdir(parents=True, exist_ok=True)
    worker = Worker(folder, "127.0.0.1", options, Board(board), Log(stream=io.StringIO()))
    worker.load()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        server = server_of(worker)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", worker
        finally:
            server.should_exit = True
            thread.join(30)
            worker.close()
