"""The door: keys, scopes, limits, other sites' pages; what is counted and written holds nothing of anybody."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from plait.run.run import Run
    from plait.serve.http.worker import Worker

HOME = "http://127.0.0.1:8000"


def client_of(worker: Worker, home: str = HOME) -> TestClient:
    from fastapi.testclient import TestClient

    return TestClient(worker.app, base_url=home, raise_server_exceptions=False)


@pytest.fixture
def made(films_run: Run, tmp_path: Path) -> Iterator[tuple[Worker, dict[str, str], io.StringIO]]:
    """A worker with keys, one for each scope, and what it writes."""
    from plait.serve.deploy.board import Board
    from plait.serve.http.door import Limits
    from plait.serve.http.keys import SCOPES, new_key
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    keys = {scope: new_key(tmp_path / "keys.txt", f"{scope}-er", [scope]) for scope in SCOPES}
    board = tmp_path / "board"
    board.mkdir()
    said = io.StringIO()
    options = Options(tmp_path / "keys.txt", str(tmp_path / "events.db"), limits=Limits(waiting=3, body=10_000))
    worker = Worker(films_run.folder, "0.0.0.0", options, Board(board), Log("requests", said))
    worker.load()
    yield worker, keys, said
    worker.close()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


class TestKeys:
    def test_a_file_holds_hashes_and_is_its_owners(self, tmp_path: Path) -> None:
        from plait.serve.http.keys import Keys, new_key

        file = tmp_path / "keys.txt"
        made = [new_key(file, name, ["read", "write"]) for name in ("shop", "app")]
        assert made[0] not in file.read_text()
        assert file.stat().st_mode & 0o077 == 0
        holder = Keys(file).holder(made[1])
        assert holder is not None
        assert (holder.name, holder.scopes) == ("app", {"read", "write"})
        assert Keys(file).holder(made[1] + "x") is None

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "at least one key"),
            ("shop read plait_secret\n", r"Line 1 of .* should be a name, scopes among read,write,admin"),
            ("shop fly sha256:" + "0" * 64, "Line 1 of"),
            (f"a read sha256:{'0' * 64}\na read sha256:{'1' * 64}\n", "a name of its own"),
        ],
    )
    def test_a_file_that_is_none_says_so_without_its_lines(self, tmp_path: Path, text: str, words: str) -> None:
        from plait.errors import RecipeError
        from plait.serve.http.keys import Keys

        (tmp_path / "keys.txt").write_text(text)
        with pytest.raises(RecipeError, match=words) as raised:
            Keys(tmp_path / "keys.txt")
        assert "plait_secret" not in str(raised.value)

    def test_an_open_address_without_keys_does_not_start(self, films_run: Run) -> None:
        from plait.errors import RecipeError
        from plait.serve.http.server import run_server

        with pytest.raises(RecipeError, match=r"Found `--host 0\.0\.0\.0` without `--keys`\. Make one with: plait key"):
            run_server(films_run.folder, "0.0.0.0", 0)


class TestGuard:
    def test_every_route_but_liveness_wants_a_key(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client = client_of(worker)
        current = worker.live.current
        assert current is not None
        routes = [route for route in current.service.app.routes if hasattr(route, "methods")]  # type: ignore[attr-defined]
        assert len(routes) > 25
        for route in routes:
            for method in route.methods:
                answer = client.request(method, route.path, follow_redirects=False)
                assert answer.status_code == (200 if route.path == "/v2/health/live" else 401), route.path
        assert client.get("/v1/recommend?user=5", headers=bearer(keys["read"])).status_code == 200
        assert client.get("/", auth=("anyone", keys["read"])).status_code == 200
        assert client.get("/metrics", headers={"X-API-Key": "wrong"}).status_code == 401

    def test_scopes(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client = client_of(worker)
        event = {"user": "5", "item": "f/2 é", "key": "a"}
        assert client.post("/v1/feedback", json=event, headers=bearer(keys["read"])).status_code == 403
        assert client.post("/v1/feedback", json=event, headers=bearer(keys["write"])).status_code == 200
        assert client.get("/v1/admin/models", headers=bearer(keys["write"])).status_code == 403
        assert client.get("/v1/admin/models", headers=bearer(keys["admin"])).json()["workers"] == 1
        assert client.post("/v1/admin/forget", json={"user": "5"}, headers=bearer(keys["admin"])).json() == {"events": 1}
        assert client.get("/v1/admin/changes", headers=bearer(keys["admin"])).json()["changes"][0]["what"] == "forget"

    def test_folders_elsewhere_are_not_opened(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        for name in ("../..", "/etc"):
            asked = client_of(worker).post("/v1/admin/models", json={"folder": name}, headers=bearer(keys["admin"]))
            assert asked.status_code == 403

    def test_pages_of_elsewhere_change_nothing(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        headers = {**bearer(keys["write"]), "Origin": "http://evil.example"}
        answer = client_of(worker).post("/v1/feedback", json={"user": "5", "item": "f/2 é"}, headers=headers)
        assert answer.status_code == 403


class TestRefusals:
    def test_people_are_told_on_a_page_and_programs_in_json(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client = client_of(worker)
        accept = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh"}
        origin = {**bearer(keys["write"]), "Origin": "http://evil.example"}
        page = client.post("/playground", headers={**accept, **origin})
        assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "只接受来自本站页面的修改" in page.text and '<html lang="zh-CN">' in page.text
        part = client.post("/playground", headers={**accept, **origin, "HX-Request": "true"})
        assert part.text.startswith('<p class="empty fault" role="alert">')
        program = client.post("/v1/rank", headers={**accept, **origin})
        assert "pages of this address only" in program.json()["error"]
        unknown = client.get("/", headers=accept)
        assert unknown.status_code == 401 and unknown.headers["www-authenticate"].startswith("Basic")

    def test_who_may_read_may_ask_in_the_playground(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        asked = client_of(worker).post("/playground", data={"search": "Film 7"}, headers=bearer(keys["read"]))
        assert asked.status_code == 200

    @pytest.mark.parametrize("path", ["/", "/users/5", "/tasks", "/v1/status", "/metrics", "/v2/health/ready", "/nothing"])
    def test_the_head_alone_is_that_of_the_whole(self, made: tuple[Worker, dict[str, str], io.StringIO], path: str) -> None:
        worker, keys, said = made
        client, read = client_of(worker), bearer(keys["read"])
        whole, head = client.get(path, headers=read), client.head(path, headers=read)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert "content-length" in head.headers
        routes = [json.loads(line) for line in said.getvalue().splitlines()]
        assert routes[-1]["method"] == "HEAD" and routes[-1]["route"] == routes[-2]["route"]


class TestPulse:
    def test_what_was_asked_wrongly_was_not_refused(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client, read = client_of(worker), bearer(keys["read"])
        client.get("/users/nobody", headers=read)
        client.post("/v1/rank", json={}, headers=read)
        client.post("/v1/feedback", json={"user": "5", "item": "f/2 é"}, headers=read)
        told = {one["route"]: one for one in client.get("/v1/status", headers=read).json()["routes"]}
        assert (told["/users/{name:path}"]["requests"], told["/users/{name:path}"]["refused"]) == (1, 0)
        assert told["/v1/rank"]["refused"] == 0
        assert told["none"]["refused"] == 1, "a key that may not do this"


class TestLimits:
    def test_a_large_body_is_not_read(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client = client_of(worker)
        read = bearer(keys["read"])
        assert client.post("/v1/rank", content=b"x" * 10_001, headers=read).status_code == 413
        parts = iter([b"x" * 6_000, b"x" * 6_000])
        assert client.post("/v1/rank", content=parts, headers=read).status_code == 413
        assert client.get("/v1/recommend?user=" + "x" * 9_000, headers=read).status_code == 414

    def test_one_too_many_is_told_at_once(self, made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
        worker, keys, _ = made
        client = client_of(worker)
        hold = threading.Event()
        assert worker._desk.lanes.later(hold.wait)
        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(client.get, "/v1/recommend?user=5", headers=bearer(keys["read"])) for _ in range(3)]
            while worker.app._asking.inside < 3:
                time.sleep(0.01)
            refused = client.get("/v1/recommend?user=5", headers=bearer(keys["read"]))
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert client.get("/v2/health/live").status_code == 200
            hold.set()
            assert [found.result().status_code for found in waiting] == [200, 200, 200]


def test_who_is_answered_at_the_end_is_told_that_the_connection_closes(
    made: tuple[Worker, dict[str, str], io.StringIO],
) -> None:
    worker, _, _ = made
    assert "connection" not in client_of(worker).get("/v2/health/live").headers
    worker.app.end()
    assert client_of(worker).get("/v2/health/live").headers["connection"] == "close"


def test_secrets_leave_no_trace(made: tuple[Worker, dict[str, str], io.StringIO]) -> None:
    worker, keys, said = made
    client = client_of(worker)
    secrets = [f"planted-{number}" for number in range(17)]
    s = iter(secrets)
    both = bearer(keys["read"])
    client.get(f"/v1/recommend?user={next(s)}", headers=both)
    client.get(f"/users/{next(s)}", headers=both)
    client.get(f"/{next(s)}", headers={**both, "X-Other": next(s)})
    client.get("/", headers=bearer(next(s)))
    client.get("/", headers={"X-API-Key": next(s)})
    client.get("/", auth=(next(s), next(s)))
    for path, asked in [
        ("recommend", {"user": next(s)}),
        ("rank", {"user": next(s), "items": [next(s)]}),
        ("search", {"query": next(s)}),
        ("answer", {"question": next(s)}),
        ("similar", {"item": next(s)}),
    ]:
        client.post(f"/v1/{path}", json=asked, headers=both)
    client.post("/v1/feedback", json={"user": next(s), "item": next(s), "kind": next(s)}, headers=bearer(keys["write"]))
    client.post("/v1/rank", content=next(s, "planted-x"), headers=both)
    written = said.getvalue() + client.get("/metrics", headers=both).text
    assert len(said.getvalue().splitlines()) >= 13
    assert all(json.loads(line)["event"] for line in said.getvalue().splitlines())
    assert [secret for secret in [*secrets, *keys.values()] if secret in written] == []


def test_without_keys_only_this_machine_is_answered(films_run: Run, tmp_path: Path) -> None:
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    worker = Worker(films_run.folder, "127.0.0.1", Options(), Board(tmp_path), Log(stream=io.StringIO()))
    early = client_of(worker).get("/v1/recommend?user=5")
    assert (early.status_code, early.headers["retry-after"]) == (503, "1")
    worker.load()
    assert client_of(worker).get("/v2/health/ready").json() == {"ready": True}
    assert client_of(worker, "http://evil.example").get("/v1/recommend?user=5").status_code == 403
    name = client_of(worker).get("/v2").json()["models"][0]
    inputs = [
        {"name": "user", "datatype": "BYTES", "shape": [1], "data": ["5"]},
        {"name": "items", "datatype": "BYTES", "shape": [2], "data": ["f/2 é", "f/3 é"]},
    ]
    said = client_of(worker).post(f"/v2/models/{name}/infer", json={"inputs": inputs}).json()
    scored = client_of(worker).post("/v1/score", json={"user": "5", "items": ["f/2 é", "f/3 é"]}).json()
    like = next(output for output in said["outputs"] if output["name"] == "like")
    assert like["data"] == [item["tasks"]["like"] for item in scored["items"]]
    assert said["model_version"] == scored["model"]
    worker.close()
