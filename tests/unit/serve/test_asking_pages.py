"""The pages where something is asked, and those of items that came since training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.app import app_of
from support.pages import written

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from plait.run.run import Run


def client_of(run: Run) -> TestClient:
    from fastapi.testclient import TestClient

    return TestClient(app_of(run))


@pytest.fixture(scope="module")
def shop(films_run: Run) -> TestClient:
    return client_of(films_run)


class TestAdded:
    def test_items_that_came_since_training_have_pages_and_are_found(self, films_run: Run) -> None:
        client = client_of(films_run)
        row = {"film_id": "n/1", "title": "Quite <new>", "genres": "comedy|drama"}
        assert client.get("/items/n%2F1").status_code == 404
        client.post("/v1/items", json={"rows": [row]})
        page = client.get("/items/n%2F1")
        assert page.status_code == 200
        assert "Quite &lt;new&gt;" in page.text
        assert "<li>comedy</li><li>drama</li>" in page.text
        near = client.post("/v1/similar", json={"item": "n/1", "count": 18}).json()
        assert [item["score"] for item in near["items"]] == written(page.text)
        assert "Added since training" in client.get("/browse/films").text
        found = client.get("/browse/films", params={"q": "quite <N"}, follow_redirects=False)
        assert found.headers["location"] == "/items/n%2F1"
        assert "Added since training" not in client.get("/browse/films", params={"q": "Film 9"}).text
        assert "Added since training" not in client.get("/browse/users").text


class TestPlayground:
    def test_a_long_text_is_asked_as_a_form(self, shop: TestClient) -> None:
        page = shop.get("/playground").text
        assert '<form method="post" action="/playground#search" hx-post="/playground"' in page
        words = "Film 7 " + "x" * 15_000
        part = shop.post("/playground", data={"search": words}, headers={"HX-Request": "true"})
        assert (part.status_code, "<html" in part.text) == (200, False)
        assert 'role="alert"' in part.text, "longer than a search may be, and said so"
        whole = shop.post("/playground", data={"search": "Film 7"}).text
        assert written(whole) == written(shop.get("/playground", params={"search": "Film 7"}).text) != []

    def test_what_is_no_form_asks_nothing(self, shop: TestClient) -> None:
        answer = shop.post("/playground", content=b"\xff\x00&=&;", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.text.strip()) == (200, "")
