"""Models are swapped while others ask: no failure, no mixed answer; what does not pass the gate is never put in place."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from plait.serve.http.worker import Worker


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of one recipe, `a` and `b`, which differ in their seeds."""
    from plait.run.job import train
    from support.films import write_films

    folder = tmp_path_factory.mktemp("two")
    recipe = write_films(folder / "tables")
    for seed, name in enumerate("ab"):
        train({**recipe, "seed": seed}, folder / name, base=folder / "tables", alone=False)
    return folder


@pytest.fixture
def worker(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    from plait.serve.ask.stages import Limits
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    # On a machine that is busy with loading a stage may run out of its time, which is another test's affair.
    monkeypatch.setattr("plait.serve.service.Limits", lambda: Limits(60.0, 60.0, 60.0, 60.0))
    options = Options(store=str(tmp_path / "events.db"), allowed=100.0)
    made = Worker(two / "a", "127.0.0.1", options, Board(tmp_path), Log(stream=io.StringIO()))
    made.load()
    yield made
    made.close()


def client_of(worker: Worker) -> TestClient:
    from fastapi.testclient import TestClient

    return TestClient(worker.app, base_url="http://127.0.0.1", raise_server_exceptions=False)


ASKED = {"user": "5", "items": [f"f/{number} é" for number in range(8)]}


def swapped_under_load(worker: Worker, two: Path, times: int) -> None:
    from plait.export.bundle import load_bundle
    from plait.serve.ask.questions import RankAsked
    from plait.serve.service import Service

    expected: dict[str, Any] = {}
    for name in "ab":
        service = Service(load_bundle(two / name))
        said = service.rank(RankAsked(**ASKED)).model_dump(mode="json")
        expected[said["model"]] = said["items"]
    client = client_of(worker)
    ended = threading.Event()

    def ask() -> list[Any]:
        found = []
        while not ended.is_set():
            found.append(client.post("/v1/rank", json=ASKED))
        return found

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        try:
            for number in range(times):
                if number % 2:
                    swap = client.post("/v1/admin/rollback")
                else:
                    swap = client.post("/v1/admin/models", json={"folder": "ba"[number // 2 % 2]})
                assert swap.status_code == 200, swap.text
        finally:
            ended.set()
        answers = [answer for found in asking for answer in found.result()]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["model"] for answer in answers} == set(expected)
    told = [answer.json() for answer in answers]
    assert not any(answer["degraded"] for answer in told)
    assert all(answer["items"] == expected[answer["model"]] for answer in told)


def test_ten_swaps_under_load(worker: Worker, two: Path) -> None:
    swapped_under_load(worker, two, 10)


@pytest.mark.soak
def test_a_thousand_swaps_under_load(worker: Worker, two: Path) -> None:
    swapped_under_load(worker, two, 1_000)


class TestGate:
    def test_a_damaged_model_is_refused_and_nothing_changes(self, worker: Worker, two: Path) -> None:
        client = client_of(worker)
        before = client.get("/v1/admin/models").json()
        shutil.copytree(two / "b", two / "damaged", dirs_exist_ok=True)
        weights = two / "damaged" / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
        refused = client.post("/v1/admin/models", json={"folder": "damaged"})
        assert refused.status_code in (400, 409)
        assert "weights.safetensors" in refused.json()["error"]
        assert client.post("/v1/admin/models", json={"folder": "nowhere"}).status_code in (400, 409)
        assert client.get("/v1/admin/models").json() == before
        assert client.post("/v1/rank", json=ASKED).json()["model"] == before["model"]

    def test_other_tables_are_refused(self, worker: Worker, two: Path) -> None:
        from support.films import trained, write_people

        if not (two / "run").exists():
            trained(write_people(two), two)
        refused = client_of(worker).post("/v1/admin/models", json={"folder": "run"})
        assert refused.status_code == 409
        assert any(
            fault.startswith("schema: the table of the users should stay `users`") for fault in refused.json()["faults"]
        )

    def test_one_that_is_worse_is_refused(self, two: Path) -> None:
        from plait.export.bundle import load_bundle
        from plait.serve.deploy.gate import faults

        a, b = load_bundle(two / "a"), load_bundle(two / "b")
        found = faults(b, two / "b", a, 0.0) + faults(a, two / "a", b, 0.0)
        assert found
        assert all(fault.startswith("quality: ") and "should be at most 0.0% worse" in fault for fault in found)
        assert faults(a, two / "a", a, 0.0) == []

    def test_going_back_is_quick_and_needs_something_before(self, worker: Worker) -> None:
        client = client_of(worker)
        assert client.post("/v1/admin/rollback").status_code == 409
        first = client.get("/v1/admin/models").json()["model"]
        assert client.post("/v1/admin/models", json={"folder": "b"}).json()["previous"] == first
        started = time.monotonic()
        assert client.post("/v1/admin/rollback").json()["model"] == first
        assert time.monotonic() - started < 1.0


def test_a_shadow_answers_unseen(worker: Worker) -> None:
    client = client_of(worker)
    before = client.post("/v1/rank", json=ASKED).json()["items"]
    said = client.post("/v1/admin/models", json={"folder": "b", "shadow": True, "share": 1.0}).json()
    assert said["shadow"] not in (None, said["model"])
    assert client.post("/v1/rank", json=ASKED).json()["items"] == before
    client.post("/v1/rank", json=ASKED)
    assert 'plait_shadow_total{outcome="compared"}' in client.get("/metrics").text
    assert client.delete("/v1/admin/shadow").json()["shadow"] is None


def test_a_late_answer_casts_no_shadow_of_its_own(two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.serve.ask.stages import Limits
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    monkeypatch.setattr("plait.serve.service.Limits", lambda: Limits(60.0, 60.0, 0.5, 60.0))
    worker = Worker(two / "a", "127.0.0.1", Options(allowed=100.0), Board(tmp_path), Log(stream=io.StringIO()))
    worker.load()
    release, times = threading.Event(), [0]
    try:
        client = client_of(worker)
        client.post("/v1/admin/models", json={"folder": "b", "shadow": True, "share": 1.0})
        assert worker.live.current is not None
        backend = worker.live.current.service.service.bundle.backend
        rank = type(backend).rank

        def late(self: Any, *asked: Any) -> Any:
            if self is backend:
                times[0] += 1
                if times[0] == 1:
                    release.wait()
            return rank(self, *asked)

        monkeypatch.setattr(type(backend), "rank", late)
        assert client.post("/v1/rank", json=ASKED).json()["degraded"] == ["rank: `rank` took longer than 500 ms"]
        release.set()
        assert client.post("/v1/rank", json=ASKED).json()["degraded"] == []
        until = time.monotonic() + 30

        def compared() -> float:
            told = client.get("/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in told if line.startswith("plait_shadow_total{"))

        while compared() < 2 and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
        assert compared() == 2, "one for each answer that was given"
    finally:
        release.set()
        worker.close()


def test_workers_follow_one_another(two: Path, tmp_path: Path) -> None:
    from plait.serve.deploy.board import Board, Wanted
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    worker = Worker(two / "a", "127.0.0.1", Options(allowed=100.0), Board(tmp_path), Log(stream=io.StringIO()))
    worker.load()
    from plait.run.manifest import NAME, sha256

    wanted = Board(tmp_path).post(Wanted(str(two / "b"), sha256(two / "b" / NAME)))
    assert Board(tmp_path).wait(wanted.number, 20.0) == (1, 1)
    assert worker.live.state().version == wanted.version
    worker.close()


def test_scores_are_combined_anew_while_the_service_runs(worker: Worker) -> None:
    client = client_of(worker)
    before = client.post("/v1/rank", json=ASKED).json()
    refused = client.post("/v1/admin/formula", json={"formula": "lik"})
    assert refused.status_code == 400
    assert "Did you mean `like`?" in refused.json()["error"]
    assert client.post("/v1/rank", json=ASKED).json()["items"] == before["items"]
    assert client.post("/v1/admin/formula", json={"formula": "0 - stars"}).status_code == 200
    after = client.post("/v1/rank", json=ASKED).json()
    assert after["by"] == "0 - stars"
    stars = [item["tasks"]["stars"] for item in after["items"]]
    assert stars == sorted(stars)
    assert client.get("/v1/admin/changes").json()["changes"][0]["formula"] == "0 - stars"


def test_a_worker_that_comes_later_combines_scores_as_the_others_do(worker: Worker, two: Path, tmp_path: Path) -> None:
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    assert client_of(worker).post("/v1/admin/formula", json={"formula": "stars"}).status_code == 200
    late = Worker(two / "a", "127.0.0.1", Options(), Board(tmp_path), Log(stream=io.StringIO()))
    late.load()
    try:
        assert client_of(late).post("/v1/rank", json=ASKED).json()["by"] == "stars"
    finally:
        late.close()


def test_items_reach_other_workers_and_the_next_model(worker: Worker, two: Path, tmp_path: Path) -> None:
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    store = str(tmp_path / "events.db")
    other = Worker(two / "a", "127.0.0.1", Options(store=store, allowed=100.0), Board(tmp_path), Log(stream=io.StringIO()))
    other.load()
    here, there = client_of(worker), client_of(other)

    def found(client: TestClient, item: str) -> bool:
        return client.post("/v1/similar", json={"item": item, "count": 3}).status_code == 200

    def soon(client: TestClient, item: str) -> bool:
        until = time.monotonic() + 20
        while time.monotonic() < until and not found(client, item):
            time.sleep(0.02)
        return found(client, item)

    def rows(*names: str) -> dict[str, Any]:
        return {"rows": [{"film_id": name, "title": f"A film {name}", "genres": "drama"} for name in names]}

    assert here.post("/v1/items", json=rows("n1", "n2")).status_code == 200
    assert found(here, "n1"), "at once, where it was told"
    assert soon(there, "n1")
    assert there.post("/v1/items", json=rows("n3")).status_code == 200
    assert soon(here, "n3")
    assert here.post("/v1/items", json=rows("n3")).status_code == 400, "it is there already"
    assert here.post("/v1/admin/models", json={"folder": "b"}).status_code == 200
    assert all(found(here, name) for name in ("n1", "n2", "n3")), "the next model offers them from the start"
    assert soon(there, "n2")
    other.close()


def test_without_a_store_workers_tell_each_other_of_items(two: Path, tmp_path: Path) -> None:
    from plait.serve.deploy.board import Board
    from plait.serve.http.logs import Log
    from plait.serve.http.worker import Options, Worker

    workers = [Worker(two / "a", "127.0.0.1", Options(), Board(tmp_path), Log(stream=io.StringIO())) for _ in range(2)]
    workers[0].load()
    row = {"film_id": "n1", "title": "A film", "genres": "drama"}
    added = client_of(workers[0]).post("/v1/items", json={"rows": [row]}).json()
    assert (added["items"], added["kept"]) == (["n1"], False)
    workers[1].load()
    assert client_of(workers[1]).post("/v1/similar", json={"item": "n1"}).status_code == 200
    for worker in workers:
        worker.close()


def test_a_half_written_line_is_left_for_later(tmp_path: Path) -> None:
    from plait.errors import DataError
    from plait.serve.deploy.newcomers import Follower, Newcomers

    known: list[str] = []

    def add(rows: list[dict[str, Any]]) -> list[str]:
        if any(row["id"] == "unreadable" for row in rows):
            raise DataError("a column is missing")
        new = [row["id"] for row in rows if row["id"] not in known]
        known.extend(new)
        return new

    newcomers = Newcomers(tmp_path)
    follower = Follower(newcomers, add)
    assert follower.catch_up() == 0
    newcomers.tell([{"id": "a"}])
    newcomers.tell([{"id": "a"}, {"id": "unreadable"}, {"id": "七"}])
    with (tmp_path / "items.jsonl").open("ab") as file:
        file.write(b'[{"id": ')
    assert follower.catch_up() == 2
    with (tmp_path / "items.jsonl").open("ab") as file:
        file.write(b'"c"}]\n')
    assert follower.catch_up() == 1
    assert (known, follower.catch_up()) == (["a", "七", "c"], 0)


def test_a_locked_store_refuses_feedback_and_holds_up_no_answer(worker: Worker, tmp_path: Path) -> None:
    import sqlite3

    client = client_of(worker)
    event = {"key": "one", "user": "5", "item": "f/3 é", "kind": "click"}
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused = client.post("/v1/feedback", json=event)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert str(tmp_path) not in refused.text
    shown = client.post("/v1/recommend", json={"user": "5", "count": 3})
    assert (shown.status_code, len(shown.json()["items"])) == (200, 3)
    other.execute("ROLLBACK")
    other.close()
    assert client.post("/v1/feedback", json=event).json()["repeated"] is False, "nothing of it was kept before"
