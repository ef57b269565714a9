"""Memory stays flat however many requests come, and the same check catches a service that keeps something of each."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plait.run.run import Run
    from plait.serve.http.worker import Worker

ITEMS = [f"f/{number} é" for number in range(30)]
PAGE = os.sysconf("SC_PAGE_SIZE")
LEAK = 120_000


def questions() -> Iterator[tuple[str, str, bytes]]:
    """Ask everything in turn, of changing users; a few questions make no sense."""
    number = 0
    while True:
        number += 1
        user, item = str(1 + number % 60), ITEMS[number % 30]
        yield "POST", "/v1/recommend", json.dumps({"user": user, "count": 5, "diversity": 0.2}).encode()
        yield "POST", "/v1/rank", json.dumps({"user": user, "items": ITEMS[:8]}).encode()
        yield "POST", "/v1/similar", json.dumps({"item": item, "count": 5}).encode()
        yield "POST", "/v1/search", json.dumps({"query": f"film {number % 500}"}).encode()
        if number % 20 == 0:
            yield "GET", "/v1/status", b""
        yield "POST", "/v1/recommend", b'{"user": 1'


async def ask(app: Callable[..., Any], method: str, path: str, body: bytes) -> int:
    """Ask the application itself, without a client that would keep things of its own."""
    status = 0
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def resident() -> int:
    """Return the bytes of this process that lie in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def growth(app: Callable[..., Any], warm: int, requests: int) -> int:
    """Return by how many bytes the process grew over some requests, after others that fill what is kept on purpose."""
    asked = questions()

    async def many(count: int) -> None:
        for _ in range(count):
            status = await ask(app, *next(asked))
            assert status in (200, 422)

    with asyncio.Runner() as runner:
        runner.run(many(warm))
        before = resident()
        runner.run(many(requests))
    return resident() - before


@pytest.fixture
def worker(films_run: Run, tmp_path: Path) -> Iterator[Worker]:
    from plait.serve.deploy.board import Board
    from plait.serve.http.door import Limits
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    # A machine that sleeps for a while in between is no reason to refuse what waited.
    options = Options(limits=Limits(patience=3600.0))
    made = Worker(films_run.folder, "127.0.0.1", options, Board(tmp_path), Log(stream=io.StringIO()))
    made.load()
    yield made
    made.close()


def leaking(app: Callable[..., Any]) -> Callable[..., Any]:
    kept: list[bytearray] = []

    async def wrapped(*asgi: Any) -> None:
        kept.append(bytearray(os.urandom(LEAK)))
        await app(*asgi)

    return wrapped


def test_memory_is_flat_and_a_leak_shows(worker: Worker) -> None:
    assert growth(worker.app, 200, 200) < 200 * LEAK / 3
    assert growth(leaking(worker.app), 30, 300) > 300 * LEAK / 2


@pytest.mark.soak
def test_memory_is_flat_over_a_million_requests(worker: Worker) -> None:
    grown = growth(worker.app, 50_000, 1_000_000)
    print(f"{grown / 2**20:.1f} MiB over 1,000,000 requests")
    assert grown < 16 * 2**20
