"""Routes that read their body in one go say to every body what a route of FastAPI says."""

from __future__ import annotations

import asyncio
import json

import fastapi
import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from starlette.responses import Response

from plait.serve.ask.questions import FeedbackAsked, ItemsAsked, RankAsked, RecommendAsked
from plait.serve.http.bodied import BodiedRoute


class Nested(BaseModel):
    name: str = Field(max_length=5)
    inner: dict[str, list[float]] = Field(default_factory=dict)


KINDS: dict[str, type[BaseModel]] = {
    "recommend": RecommendAsked,
    "rank": RankAsked,
    "items": ItemsAsked,
    "feedback": FeedbackAsked,
    "nested": Nested,
}
BODIES: list[bytes] = [
    *(
        json.dumps(body).encode()
        for body in (
            {"user": "1"},
            {"user": "七", "count": 3, "filters": {"kind": ["a", 2, True, 2.5], "price": {"min": 1}}},
            {"user": 1},
            {"user": "1", "count": "3"},
            {"user": "1", "count": 3.0},
            {"user": "1", "count": 1e400},
            {"user": "1", "items": ["a", "b"]},
            {"user": "1", "items": [1, 2]},
            {"user": "1", "items": "ab"},
            {"rows": [{"id": "x", "price": 1e400, "tags": ["a", None]}]},
            {"rows": [{"id": 2**70}]},
            {"user": "1", "item": "a", "kind": "click", "value": -0.0},
            {"name": "äöüäöü"},
            {"name": "a", "inner": {"b": [1, "2", 3.5]}},
            {"name": "a", "unknown": 1},
            {},
            [],
            None,
            "text",
            7,
        )
    ),
    b"",
    b"{",
    b'{"user": "1"} {}',
    b'{"user": "1", "user": "2"}',
    b'{"user": "\\ud800"}',
    b'\xef\xbb\xbf{"user": "1"}',
    b'{"user": "\xff"}',
    b'{"user": "1", "count": NaN}',
    b"[" * 2_000,
    b'{"name": ' + b"[" * 300 + b"]" * 300 + b"}",
]


def app(route: type[APIRoute]) -> TestClient:
    made = fastapi.FastAPI()
    made.router.route_class = route
    for name, kind in KINDS.items():

        async def answer(asked: BaseModel) -> Response:
            return Response(asked.model_dump_json(), media_type="application/json")

        answer.__annotations__ = {"asked": kind, "return": Response}
        made.post(f"/{name}", response_model=None)(answer)
    return TestClient(made, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def both() -> tuple[TestClient, TestClient]:
    return app(BodiedRoute), app(APIRoute)


@pytest.mark.parametrize("name", [*KINDS])
@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "text/plain", None])
def test_it_says_what_fastapi_says(both: tuple[TestClient, TestClient], name: str, kind: str | None) -> None:
    for body in BODIES:
        headers = {} if kind is None else {"content-type": kind}
        mine, meant = (client.post(f"/{name}", content=body, headers=headers) for client in both)
        assert (mine.status_code, mine.text) == (meant.status_code, meant.text), body[:60]
        assert mine.headers["content-type"] == meant.headers["content-type"]


def test_it_is_described_as_fastapi_describes_it(both: tuple[TestClient, TestClient]) -> None:
    mine, meant = (client.get("/openapi.json").json() for client in both)
    assert mine == meant


def test_the_quick_way_is_taken(both: tuple[TestClient, TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    import fastapi.routing

    seen: list[object] = []
    solve = fastapi.routing.solve_dependencies

    async def noted(**given: object) -> object:
        seen.append(given)
        return await solve(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(fastapi.routing, "solve_dependencies", noted)
    for client in both:
        client.post("/recommend", json={"user": "1"})
    assert len(seen) == 1, "by the careful way alone"
    both[0].post("/recommend", json={})
    assert len(seen) == 2


def test_a_route_with_more_than_a_body_is_left_as_it_is() -> None:
    made = fastapi.FastAPI()
    made.router.route_class = BodiedRoute

    @made.post("/kept/{name}")
    async def kept(name: str, asked: Nested) -> Response:
        return Response(name + asked.name)

    @made.post("/told")
    async def told(asked: Nested) -> Nested:
        return asked

    client = TestClient(made)
    assert client.post("/kept/a", json={"name": "b"}).text == "ab"
    assert client.post("/told", json={"name": "b"}).json() == {"name": "b", "inner": {}}


@pytest.mark.parametrize("route", [BodiedRoute, APIRoute])
def test_a_caller_who_hangs_up_is_no_failure(route: type[APIRoute]) -> None:
    said: list[dict[str, object]] = []
    heard = iter([{"type": "http.request", "body": b'{"user"', "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, object]:
        return next(heard, {"type": "http.disconnect"})

    async def send(message: dict[str, object]) -> None:
        said.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"40")]
    scope = {"type": "http", "method": "POST", "path": "/recommend", "query_string": b"", "headers": headers}
    asyncio.run(app(route).app(scope, receive, send))  # type: ignore[arg-type]
    assert said[0]["status"] == 400


def test_a_question_that_is_no_body_is_left_as_it_is() -> None:
    made = fastapi.FastAPI()
    made.router.route_class = BodiedRoute

    @made.post("/asked")
    async def asked(asked: Nested = fastapi.Depends()) -> Response:
        return Response(asked.name)

    @made.post("/plain")
    def plain(asked: Nested) -> Response:
        return Response(asked.name)

    client = TestClient(made)
    assert client.post("/asked?name=a", json={}).text == "a"
    assert client.post("/plain", json={"name": "b"}).text == "b"
