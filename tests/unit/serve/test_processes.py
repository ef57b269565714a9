"""A service in a process of its own is killed, or ended: what it acknowledged is there, what it was asked is answered."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from support.served import served
from support.server_thread import answering

if TYPE_CHECKING:
    from plait.run.run import Run

NEW = {"film_id": "n1", "title": "A new film", "genres": "drama"}


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
