"""A service in a process of its own is killed, or ended: what it acknowledged is there, what it was asked is answered."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.served import Served, served
from support.server_thread import answering

if TYPE_CHECKING:
    from plait.run.run import Run

ASKED = json.dumps({"user": "5", "count": 5}).encode()
REQUEST = (
    b"POST /v1/recommend HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(ASKED), ASKED)
)
NEW = {"film_id": "n1", "title": "A new film", "genres": "drama"}


def answered(connection: socket.socket) -> tuple[int, bool, dict[str, Any]]:
    """Read one answer: its status, whether the connection closes, and what it says."""
    answer = HTTPResponse(connection)
    answer.begin()
    body = json.loads(answer.read())
    return answer.status, answer.getheader("connection") == "close", body


@pytest.fixture(scope="module")
def keeping(films_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A service with a store; the last test that asks for it kills it."""
    store = tmp_path_factory.mktemp("keeping") / "events.db"
    with served(films_run.folder, "--store", str(store)) as service:
        yield service, store


def test_a_full_disk_acknowledges_nothing_and_recovers(keeping: tuple[Served, Path]) -> None:
    service, store = keeping
    events = [{"key": f"k{number}", "user": "5", "item": "f/3 é", "kind": "click"} for number in range(3)]
    assert service.ask("/v1/feedback", events[0])[0] == 200
    # From here on no file can be written by that process, as if there were no room.
    free = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for path, body in (("/v1/feedback", events[1]), ("/v1/items", {"rows": [{**NEW, "film_id": "no room"}]})):
        status, headers, text = service.ask(path, body)
        assert (status, headers["retry-after"]) == (503, "1")
        assert re.search(r"should be kept and were not: its disk (is full|cannot be written)\. Nothing was kept", text), text
    assert service.ask("/v1/recommend", {"user": "5"})[0] == 200
    assert json.loads(service.ask("/v1/score", {"user": "5", "items": ["no room"]})[2])["unknown"] == ["no room"]
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, free)
    for event in events[1:]:
        assert json.loads(service.ask("/v1/feedback", event)[2])["repeated"] is False
    with closing(sqlite3.connect(store)) as connection:
        assert [key for (key,) in connection.execute("SELECT key FROM events ORDER BY number")] == ["k0", "k1", "k2"]


def test_new_items_outlive_a_kill(keeping: tuple[Served, Path], films_run: Run, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from plait.serve.http.worker import Options

    service, store = keeping
    status, _, body = service.ask("/v1/items", {"rows": [NEW]})
    service.process.send_signal(signal.SIGKILL)
    assert (status, '"kept":true' in body) == (200, True)
    assert service.process.wait(30) == -signal.SIGKILL
    with answering(films_run.folder, tmp_path / "board", Options(store=str(store))) as (address, worker):
        client = TestClient(worker.app, base_url=address)
        found = client.post("/v1/score", json={"user": "5", "items": ["n1"]}).json()
    assert [one["title"] for one in found["items"]] == ["A new film"]


def test_what_was_asked_before_the_end_is_answered(films_run: Run) -> None:
    """All that was sent when the signal comes is answered in full, then nobody is let in, and the exit code is 0."""
    with served(films_run.folder, "--queue", "100") as service:
        host, _, port = service.address.removeprefix("http://").partition(":")
        place = (host, int(port))
        with ExitStack() as opened:
            # Half of the connections have been answered once and are kept; the others come with their request.
            kept = [opened.enter_context(socket.create_connection(place, 20)) for _ in range(20)]
            for one in kept:
                one.sendall(REQUEST)
                assert answered(one)[0] == 200
            for one in kept:
                one.sendall(REQUEST)
            new = [opened.enter_context(socket.create_connection(place, 20)) for _ in range(20)]
            for one in new:
                one.sendall(REQUEST)
            service.process.send_signal(signal.SIGTERM)
            found = [answered(one) for one in [*kept, *new]]
        code, errors = service.process.wait(20), service.process.communicate()[1]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place, 5)
    assert [(status, len(body["items"])) for status, _, body in found] == [(200, 5)] * 40
    assert any(closes for _, closes, _ in found), "whoever is answered at the end is told so"
    assert (code, errors) == (0, "")
