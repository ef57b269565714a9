"""A service in a process of its own is killed, or ended: what it acknowledged is there, what it was asked is answered."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.served import served
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


def test_new_items_outlive_a_kill(films_run: Run, tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from plait.serve.http.worker import Options

    store = str(tmp_path / "events.db")
    with served(films_run.folder, "--store", store) as service:
        status, _, body = service.ask("/v1/items", {"rows": [NEW]})
        service.process.send_signal(signal.SIGKILL)
        assert (status, '"kept":true' in body) == (200, True)
        assert service.process.wait(30) == -signal.SIGKILL
    with answering(films_run.folder, tmp_path / "board", Options(store=store)) as (address, worker):
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
