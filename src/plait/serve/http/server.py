"""The address a service listens on, and what it says when it is ready."""

from __future__ import annotations

import socket
from pathlib import Path
from tempfile import TemporaryDirectory

from plait.errors import RunError
from plait.experiment import EventStore
from plait.serve.deploy.board import Board
from plait.serve.http.guard import Guard
from plait.serve.http.keys import Keys
from plait.serve.http.logs import Log
from plait.serve.http.worker import Options, Worker, answer
from plait.serve.http.workers import supervise

__all__ = ["run_server"]


def run_server(folder: Path, host: str, port: int, options: Options | None = None) -> None:
    """Answer with a run or a bundle until Ctrl-C or a termination.

    Args:
        folder: a finished run, or a bundle.
        host: address to listen on.
        port: 0 picks a free one.
        options: how it runs.

    Raises:
        RunError: there is no such run, or the port is taken.
        RecipeError: others can reach the address and there are no keys.
        StoreError: the event store cannot be opened.
    """
    options = options or Options()
    Guard(None if options.keys is None else Keys(options.keys), host)
    if options.store is not None:
        # What is wrong with it is said here, once, and not by every worker.
        EventStore(options.store).close()
    with _listening(host, port) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

        def ready(command: str) -> None:
            print(f"Page: {address}  (Ctrl-C ends it)\nTry:  {command}", flush=True)  # noqa: T201

        if options.workers > 1:
            supervise(folder, host, address, listener, options, ready)
            return
        with TemporaryDirectory(prefix="plait-") as board:
            worker = Worker(folder, host, options, Board(Path(board)), Log(options.log))
            answer(worker, listener, address, ready)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Who comes before everything is loaded is answered, if only that it should come again.
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise RunError(
            f"The page should listen on {host}, port {port}. Found: {error.strerror or error}. Choose another with --port,"
            " or let a free one be picked with --port 0."
        ) from error
    return listener
