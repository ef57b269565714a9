"""One process that answers: the model in place, the door before it, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import torch
import uvicorn

from plait.errors import PlaitError, StoreError
from plait.experiment import EventStore
from plait.export.bundle import Bundle, load_bundle
from plait.serve.browse import Browse
from plait.serve.deploy.board import Board
from plait.serve.deploy.gate import ALLOWED
from plait.serve.deploy.live import Live, Observer
from plait.serve.deploy.newcomers import Follower, KeptNewcomers
from plait.serve.http.app import create_app
from plait.serve.http.curl import curl
from plait.serve.http.desk import Desk
from plait.serve.http.door import Door, Limits
from plait.serve.http.guard import Guard
from plait.serve.http.keys import Keys
from plait.serve.http.lanes import Lanes
from plait.serve.http.logs import Log, Verbosity
from plait.serve.http.metrics import Metrics
from plait.serve.http.protocol import CarefulProtocol
from plait.serve.http.switch import Answering, Switch
from plait.serve.service import Service

__all__ = ["Options", "Worker", "answer", "server_of"]

_LULL: Final = 0.25
"""Seconds in which callers leave before the address is given up."""

_NEWS: Final = 0.2
"""Seconds until a worker looks again for items that others were told of."""


@final
@dataclass(frozen=True, slots=True)
class Options:
    """How a service runs.

    Attributes:
        keys: file of keys; None where only this machine can reach the address.
        store: where events are kept: a file or a URL; None keeps none.
        workers: processes.
        limits: how much is taken.
        log: what is written.
        allowed: how much worse a figure of a new model may be.
        drain: seconds the requests under way have when the service ends.
    """

    keys: Path | None = None
    store: str | None = None
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    log: Verbosity = "problems"
    allowed: float = ALLOWED
    drain: int = 10


@final
class _Told(Observer):
    """Counts and writes what becomes of models."""

    def __init__(self, metrics: Metrics, log: Log) -> None:
        self._metrics = metrics
        self._log = log

    def swapped(self, outcome: str) -> None:
        """Count it."""
        self._metrics.swapped(outcome)

    def answering(self, version: str, before: str | None) -> None:
        """Count which model answers in this process, and write it."""
        self._metrics.answering(version, before)
        if before is not None:
            self._log.change("answering", model=version)

    def problem(self, what: str, error: str) -> None:
        """Write it."""
        self._log.problem(what, error=error)


@final
class Worker:
    """Everything one process answers with.

    Args:
        folder: the run or bundle.
        host: the address listened on.
        options: how it runs.
        board: where all workers look.
        log: where it writes.

    Attributes:
        app: the whole application, door included.
        live: the model in place.
        options: how it runs.
    """

    def __init__(self, folder: Path, host: str, options: Options, board: Board, log: Log) -> None:
        # One thread per process: on a busy machine two threads of a matrix product wait for each other.
        torch.set_num_threads(1)
        guard = Guard(None if options.keys is None else Keys(options.keys), host)
        metrics = Metrics()
        self.options = options
        self._folder = folder
        self._store = None if options.store is None else EventStore(options.store)
        told = _Told(metrics, log)
        self.live: Live[Answering] = Live(self._built, load_bundle, board, _formulate, told, options.allowed)
        self._log, self._ended = log, threading.Event()
        # With a store, what is on its disk is what all workers follow; without one they tell each other.
        self._newcomers = board.newcomers if self._store is None else None
        self._board = board
        lanes, models = Lanes(options.limits.patience), folder.resolve().parent
        self._desk = Desk(lanes, metrics, log, self._store, self.live, models, self._newcomers)
        self.app = Door(Switch(self.live), guard, options.limits, metrics, log)

    def load(self) -> None:
        """Load, warm and put the first model in place.

        Raises:
            PlaitError: it cannot be loaded or does not answer with numbers.
        """
        self.live.start(self._folder)
        threading.Thread(target=self._follow, name="plait-items", daemon=True).start()

    def close(self) -> None:
        """Keep what is being kept and let go."""
        self._ended.set()
        self.live.end()
        self._desk.lanes.close(self.options.drain)
        if self._store is not None:
            self._store.close()

    def _built(self, folder: Path, bundle: Bundle) -> Answering:
        browse = Browse(bundle.run)
        service = Service(bundle, self._store)
        items, store = bundle.backend.shape.items, self._store
        told = self._board.newcomers if store is None or items is None else KeptNewcomers(store, items)
        follower = Follower(told, service.offer)
        # First, so that what is made once holds them too.
        follower.catch_up()
        service.warm()
        return Answering(browse, service, create_app(browse, service, self._desk), follower)

    def _follow(self) -> None:
        """Offer what other workers were told of."""
        wait = _NEWS
        while not self._ended.wait(wait):
            current = self.live.current
            try:
                if current is not None:
                    current.service.follower.catch_up()
                wait = _NEWS
            except StoreError as error:
                # It is told once, and asked again more and more seldom.
                if wait == _NEWS:
                    self._log.problem("items", error=type(error).__name__)
                wait = min(10.0, 2 * wait)


def _formulate(answering: Answering, formula: str) -> str:
    return answering.service.use(formula)


def server_of(worker: Worker) -> uvicorn.Server:
    """Return what reads requests off sockets and hands them to a worker."""
    config = uvicorn.Config(
        worker.app,
        http=CarefulProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=worker.options.drain,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return _Quiet(config, worker.app)


@final
class _Quiet(uvicorn.Server):
    """Ends without losing a request that was sent before the end.

    Whoever is answered is told that the connection closes, and whoever stands in the queue of the listening socket or has
    written into an open connection is answered; only then is the address given up.
    """

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self._door = door

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what has come so far, and end."""
        self._door.end()
        await asyncio.sleep(_LULL)
        await super().shutdown(sockets)


def answer(worker: Worker, listener: socket.socket, address: str, ready: Callable[[str], None]) -> None:
    """Answer until a signal asks to end; whoever comes while the model is loaded is told to come again.

    Args:
        worker: what answers.
        listener: bound and listening.
        address: where that is, as a URL.
        ready: called once the model is in place, with a command that asks it something.

    Raises:
        PlaitError: the model cannot be loaded.
    """
    server = server_of(worker)
    failed: list[BaseException] = []

    def load() -> None:
        try:
            worker.load()
            current = worker.live.current
            assert current is not None
            if not server.should_exit:
                ready(curl(address, current.service.browse, keys=worker.options.keys is not None))
        except BaseException as error:  # noqa: BLE001  raised again below, in the thread that was asked
            failed.append(error)
            server.should_exit = True

    # The server raises the signal that ended it once more, for whoever called it; here that is an end like any other.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    loading = threading.Thread(target=load, name="plait-load", daemon=True)
    loading.start()
    try:
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        with suppress(KeyboardInterrupt):
            # An interpreter that ends below a thread in the middle of a library's start ends with an abort.
            loading.join(worker.options.drain)
    finally:
        signal.signal(signal.SIGTERM, before)
        worker.close()
    if failed:
        raise failed[0]


def work(folder: Path, host: str, address: str, options: Options, board: Path, listener: socket.socket) -> None:
    """Be one of several workers: what a process of `workers.supervise` runs."""
    from multiprocessing import parent_process

    parent = parent_process()
    log = Log(options.log)

    def orphaned() -> None:
        # Who is left alone by a killed parent would hold the port for ever.
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=orphaned, name="plait-parent", daemon=True).start()
    try:
        worker = Worker(folder, host, options, Board(board), log)
        answer(worker, listener, address, Board(board).suggest)
    except PlaitError as error:
        log.problem("worker", error=str(error))
        raise SystemExit(error.exit_code) from None
