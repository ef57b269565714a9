"""The pages and the interface over HTTP: they agree, escape, and answer 4xx where a question makes no sense."""

from __future__ import annotations

import html
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.films import AWKWARD

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from plait.run.run import Run
    from plait.serve.browse import Browse

PER_PAGE = 500_000


def client_of(service: Browse) -> TestClient:
    from fastapi.testclient import TestClient

    from support.app import app_of

    return TestClient(app_of(service.run, browse=service), raise_server_exceptions=True)


@pytest.fixture(scope="session")
def shop(films: Browse) -> TestClient:
    return client_of(films)


@pytest.fixture(scope="session")
def table(people: Browse) -> TestClient:
    return client_of(people)


SHOP_PAGES = [
    "/",
    "/browse/users",
    "/browse/films",
    "/browse/films?q=zzz",
    "/browse/films?q=%3Cscript%3E&page=3",
    "/users/1",
    "/users/40",
    "/items/" + quote("f/0 é", safe=""),
    "/rows/films/" + quote("f/3 é", safe=""),
    "/tables/films",
    "/tables/ratings",
    "/rows/ratings/7",
    "/tables/films?part=all&q=film",
    "/tables/films?part=valid&q=nothing%20at%20all",
    "/report",
    "/users/5?item=f%2F3%20%C3%A9&without=f%2F1%20%C3%A9&formula=like&diversity=0.5",
    "/playground",
    "/playground?search=film",
    "/playground?answer=film",
    "/tasks",
    "/runs",
    "/data",
    "/status",
]
TABLE_PAGES = [
    "/",
    "/tables/people",
    "/tables/people?part=all&page=2",
    "/tables/people?q=zzz",
    "/rows/people/5",
    "/browse/people",
    "/playground?search=nurse",
    "/tasks",
    "/runs",
    "/data",
    "/status",
]


def links_of(client: TestClient, starts: list[str]) -> list[str]:
    """Return where some pages lead, in order."""
    pages = [client.get(path).text for path in starts if path != "/report"]
    return sorted({html.unescape(link) for page in pages for link in re.findall(r'href="(/[^"]*)"', page)})


def kind_of(link: str) -> tuple[str, ...]:
    """Return what links of one kind have in common: the folders of the page, and the names of what it is asked."""
    path, _, asked = link.partition("?")
    return (*path.split("/")[:-1], *(one.partition("=")[0] for one in asked.partition("#")[0].split("&")))


class TestPages:
    @pytest.mark.parametrize("path", SHOP_PAGES)
    def test_shop_pages_answer(self, shop: TestClient, path: str) -> None:
        self.check(shop, path)

    @pytest.mark.parametrize("path", TABLE_PAGES)
    def test_table_pages_answer(self, table: TestClient, path: str) -> None:
        self.check(table, path)

    @staticmethod
    def check(client: TestClient, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        if path == "/report":
            return
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        loaded = [html.unescape(link) for link in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text)]
        assert len(loaded) <= 4
        assert len(answer.content) + sum(int(client.get(link).headers["content-length"]) for link in loaded) < PER_PAGE
        assert 'href="/report"' in answer.text, "every page links to the report"
        fetched = re.findall(r'(?:src|href)="([a-z]+:)', answer.text)
        assert set(fetched) <= {"data:"}, "nothing is fetched from elsewhere"
        scripts = re.findall(r"<script[^>]*>(.*?)</script>", answer.text, re.DOTALL)
        assert scripts
        assert not any(scripts), "no script stands in a page itself"
        assert not re.search(r"<(img|iframe)|\son\w+=", answer.text)

    def test_every_kind_of_link_leads_somewhere(self, shop: TestClient, table: TestClient) -> None:
        for client, starts in ((shop, SHOP_PAGES), (table, TABLE_PAGES)):
            kinds: dict[tuple[str, ...], list[str]] = {}
            for link in links_of(client, starts):
                kinds.setdefault(kind_of(link), []).append(link)
            for some in kinds.values():
                for link in dict.fromkeys([*some[:3], *some[-3:]]):
                    assert client.get(link).status_code == 200, link
            client.cookies.clear()  # some of them choose a language

    @pytest.mark.soak
    def test_every_link_leads_somewhere(self, shop: TestClient, table: TestClient) -> None:
        for client, starts in ((shop, SHOP_PAGES), (table, TABLE_PAGES)):
            for link in links_of(client, starts):
                assert client.get(link).status_code == 200, link
            client.cookies.clear()

    def test_anyone_is_somebody(self, shop: TestClient, table: TestClient) -> None:
        answer = shop.get("/random", follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/users/")
        assert table.get("/random", follow_redirects=False).headers["location"] == "/"

    def test_one_find_leads_to_it(self, shop: TestClient) -> None:
        answer = shop.get("/browse/films", params={"q": "七人"}, follow_redirects=False)
        assert answer.headers["location"] == "/items/f%2F1%20%C3%A9"
        assert "七人の侍" in shop.get(answer.headers["location"]).text

    def test_words_of_the_data_are_escaped(self, shop: TestClient, table: TestClient) -> None:
        page = shop.get("/browse/films").text
        for name in AWKWARD:
            assert str(html.escape(name)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
        assert "<script>alert" not in page
        assert "<b>Bern" not in shop.get("/users/2").text
        assert "<i>judge" not in table.get("/tables/people?part=all").text
        assert "<svg/onload" not in shop.get("/browse/films", params={"q": "<svg/onload=alert(1)>"}).text
        assert "<svg/onload" not in shop.get("/users/<svg/onload=alert(1)>").text


class TestAgreement:
    def test_page_and_interface_show_the_same_numbers(self, shop: TestClient) -> None:
        short = shop.get("/v1/recommend", params={"user": "5", "count": 18}).json()
        said = shop.post("/v1/recommend", json={"user": "5", "count": 18}).json()
        assert short["items"] == said["items"]
        page = shop.get("/users/5").text
        written = [float(value) for value in re.findall(r'<data class="said" value="([^"]+)"', page)]
        for item in said["items"]:
            assert item["score"] in written
            for value in item["tasks"].values():
                assert value in written

    def test_similar_ones_agree(self, shop: TestClient) -> None:
        said = shop.get("/v1/similar", params={"item": "f/2 é", "count": 18}).json()
        page = shop.get("/items/" + quote("f/2 é", safe="")).text
        shown = [html.unescape(name) for name in re.findall(r'<a href="[^"]*" title="([^"]*)"', page)]
        assert shown == [item["title"] for item in said["items"]]

    def test_first_page_shows_the_reports_figures(self, shop: TestClient, films_run: Run) -> None:
        page = shop.get("/").text
        for name, task in films_run.report.tasks.items():
            assert name in page
            assert f'value="{task.joint[task.metric].value}"' in page

    def test_rows_are_scored_as_by_the_run(self, table: TestClient, people_run: Run) -> None:
        import pyarrow as pa

        rows = [{"age": 20, "job": "cook"}, {"age": 80, "job": "nurse"}]
        said = table.post("/v1/predict", json={"rows": rows}).json()
        expected = people_run.predict(pa.Table.from_pylist(rows)).to_pylist()
        assert said["rows"] == expected

    def test_health(self, shop: TestClient) -> None:
        assert shop.get("/health").json()["status"] == "ok"


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("/users/nobody", "There is no user `nobody`. Ids look like `1`, `2`, `3`."),
            ("/items/nothing", "There is no film `nothing`. Ids look like `f/0 é`"),
            ("/rows/nothing/1", "There is no table of that name"),
            ("/browse/nothing", "There is no table of that name"),
            ("/tables/users", "There is no table of that name"),
            ("/nowhere", "There is no such page."),
            ("/users/", "There is no user"),
        ],
    )
    def test_what_is_not_there_is_404_with_a_way_on(self, shop: TestClient, path: str, words: str) -> None:
        answer = shop.get(path, headers={"Cookie": "plait_language=en"})
        assert answer.status_code == 404
        assert words in html.unescape(answer.text)
        assert 'href="/"' in answer.text

    @pytest.mark.parametrize(
        ("path", "status", "words"),
        [
            ("/v1/recommend", 422, "user: Field required"),
            ("/v1/recommend?user=1&count=0", 422, "count: Input should be greater than or equal to 1"),
            ("/v1/recommend?user=1&count=many", 422, "count: Input should be a valid integer"),
            ("/v1/recommend?user=" + "9" * 300, 422, "user: String should have at most 200 characters"),
            ("/v1/similar?item=f/0%20é&table=nothing", 404, "no table of that name"),
            ("/v1/nowhere", 404, "There is no such page"),
        ],
    )
    def test_the_interface_says_why(self, shop: TestClient, path: str, status: int, words: str) -> None:
        answer = shop.get(path)
        assert answer.status_code == status
        assert words in answer.json()["error"]

    def test_pages_out_of_range_are_422(self, shop: TestClient) -> None:
        assert shop.get("/browse/films?page=0").status_code == 422
        assert shop.get("/tables/films?part=nothing").status_code == 422

    def test_recommending_where_there_are_no_users(self, table: TestClient) -> None:
        answer = table.get("/v1/recommend?user=1")
        assert answer.status_code == 404
        assert "no users" in answer.json()["error"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 422),
            (b"{", 422),
            (b"[]", 422),
            (b'{"rows": []}', 422),
            (b'{"rows": [{"age": {"a": 1}}]}', 422),
            (b'{"rows": [{"age": 1, "job": "cook"}], "other": 1}', 422),
            (b'{"rows": [{"age": 1, "job": "cook"}], "table": "nothing"}', 400),
            (b'{"rows": [{"age": "old", "job": "cook"}]}', 400),
            (b'{"rows": [{"age": 1e999, "job": "cook"}]}', (200, 400, 422)),
            (b'{"rows": [{"age": NaN, "job": "\\ud800"}]}', (400, 422)),
            (b'{"rows": [{"weight": 1}]}', 400),
            (b"\xff\xfe", (400, 422)),
        ],
    )
    def test_a_body_that_makes_no_sense_is_4xx(self, table: TestClient, body: bytes, status: int | tuple[int, ...]) -> None:
        answer = table.post("/v1/predict", content=body, headers={"content-type": "application/json"})
        assert answer.status_code in (status if isinstance(status, tuple) else (status,))
        answer.json()

    @pytest.mark.parametrize(
        "path", ["/users/%ff%fe", "/users/%00", "/browse/films?q=%ff", "/items/..%2f..%2fetc%2fpasswd", "/users/%F0%9F"]
    )
    def test_broken_addresses_are_answered(self, shop: TestClient, path: str) -> None:
        assert shop.get(path).status_code in (200, 404)

    def test_other_verbs_are_refused(self, shop: TestClient) -> None:
        assert shop.post("/users/1").status_code == 405
        assert shop.delete("/v1/recommend").status_code == 405


class TestServer:
    def test_a_taken_port_says_what_to_do(self, films_run: Run) -> None:
        from plait.errors import RunError
        from plait.serve.http.server import run_server

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(RunError, match=rf"listen on 127.0.0.1, port {port}\. Found: .* Choose another with --port"):
                run_server(films_run.folder, "127.0.0.1", port)

    def test_a_folder_that_is_no_run_says_so(self, tmp_path: Path) -> None:
        from plait.errors import PlaitError
        from plait.serve.http.server import run_server

        with pytest.raises(PlaitError):
            run_server(tmp_path, "127.0.0.1", 0)
