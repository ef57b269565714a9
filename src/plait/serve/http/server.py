"""One process that listens and answers until Ctrl-C."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import torch
import uvicorn

from plait.errors import RunError
from plait.run.run import load
from plait.serve.browse import Browse
from plait.serve.http.app import create_app

__all__ = ["run_server"]


def run_server(folder: Path, host: str, port: int) -> None:
    """Open the page of a run and answer until Ctrl-C.

    Args:
        folder: a finished run.
        host: address to listen on.
        port: 0 picks a free one.

    Raises:
        RunError: there is no such run, or the port is taken.
    """
    run = load(folder)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Who comes before everything is loaded waits instead of being refused.
        listener.listen()
    except OSError as error:
        listener.close()
        raise RunError(
            f"The page should listen on {host}, port {port}. Found: {error.strerror or error}. Choose another with --port,"
            " or let a free one be picked with --port 0."
        ) from error
    # One thread per process: on a busy machine two threads of a matrix product wait for each other.
    torch.set_num_threads(1)
    application = create_app(Browse(run))
    print(f"Page: http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}  (Ctrl-C ends it)", flush=True)  # noqa: T201
    config = uvicorn.Config(application, log_level="warning", ws="none", lifespan="off")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
