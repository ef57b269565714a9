"""Several processes that answer on one address: started, watched, started again, ended together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from plait.errors import RunError
from plait.serve.deploy.board import Board
from plait.serve.http.logs import Log
from plait.serve.http.metrics import MANY
from plait.serve.http.worker import Options, work

__all__ = ["supervise"]

_POLL: Final = 0.1
_QUICK: Final = 30.0
_TRIES: Final = 5


def supervise(
    folder: Path, host: str, address: str, listener: socket.socket, options: Options, ready: Callable[[str], None]
) -> None:
    """Run workers until a signal asks to end.

    All take connections from one listening socket, so that none is lost with a worker that dies.

    Args:
        folder: the run or bundle.
        host: the address listened on.
        address: the same as a URL.
        listener: bound and listening.
        options: how the service runs.
        ready: called once all workers answer, with a command that asks them something.

    Raises:
        RunError: workers ended again and again soon after they were started.
    """
    with TemporaryDirectory(prefix="plait-") as place:
        board, counts = Path(place) / "board", Path(place) / "counts"
        board.mkdir()
        counts.mkdir()
        os.environ[MANY] = str(counts)
        try:
            _Supervisor((folder, host, address, options, board, listener), options, Board(board)).run(ready)
        finally:
            del os.environ[MANY]


class _Supervisor:
    """Watches the workers."""

    def __init__(self, arguments: tuple[object, ...], options: Options, board: Board) -> None:
        self._arguments = arguments
        self._options = options
        self._board = board
        self._log = Log(options.log)
        self._workers: list[tuple[SpawnProcess, float]] = []
        self._quick = 0
        self._ends = False

    def run(self, ready: Callable[[str], None]) -> None:
        """Keep as many workers as were asked for."""
        before = {number: signal.signal(number, self._end) for number in (signal.SIGTERM, signal.SIGINT)}
        told = False
        try:
            self._workers = [self._started() for _ in range(self._options.workers)]
            while not self._ends:
                time.sleep(_POLL)
                self._look()
                if not told and self._board.arrived(0) >= self._options.workers:
                    told = True
                    ready(self._board.suggested())
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: object) -> None:
        self._ends = True

    def _started(self) -> tuple[SpawnProcess, float]:
        # A fresh process: a copy of this one would inherit locks in the middle of something.
        process = multiprocessing.get_context("spawn").Process(target=work, args=self._arguments, name="plait-worker")
        process.start()
        return process, time.monotonic()

    def _look(self) -> None:
        for place, (process, started) in enumerate(self._workers):
            if process.is_alive() or self._ends:
                continue
            self._gone(process)
            self._quick = self._quick + 1 if time.monotonic() - started < _QUICK else 0
            if self._quick >= _TRIES:
                raise RunError(
                    f"The workers should run until they are ended. Found {_TRIES} that ended within {_QUICK:.0f} s of their "
                    f"start, the last with exit code {process.exitcode}. What they wrote above says why; `--workers 1` "
                    "says it too."
                )
            self._log.problem("worker_ended", code=process.exitcode or 0)
            self._workers[place] = self._started()

    def _gone(self, process: SpawnProcess) -> None:
        from prometheus_client import multiprocess

        if process.pid is not None:
            self._board.leave(process.pid)
            multiprocess.mark_process_dead(process.pid)  # type: ignore[no-untyped-call]

    def _stop(self) -> None:
        for process, _ in self._workers:
            process.terminate()
        # Workers give up their copies; as long as this one is open, whoever connects would wait for nobody.
        listener = self._arguments[-1]
        assert isinstance(listener, socket.socket)
        listener.close()
        end = time.monotonic() + self._options.drain + 5
        for process, _ in self._workers:
            process.join(max(0.1, end - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
