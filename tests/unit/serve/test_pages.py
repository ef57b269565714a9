"""The pages: their numbers are the interface's and the command line's, in both languages, with and without scripts."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest

from support.app import app_of
from support.pages import written

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from plait.run.run import Run

WEB = Path(__file__).parents[3] / "web"


def client_of(run: Run, **more: Any) -> TestClient:
    from fastapi.testclient import TestClient

    return TestClient(app_of(run, **more))


@pytest.fixture(scope="module")
def shop(films_run: Run) -> TestClient:
    return client_of(films_run)


def numbers(data: object) -> list[float]:
    """Return every number inside of JSON."""
    if isinstance(data, bool) or data is None or isinstance(data, str):
        return []
    if isinstance(data, int | float):
        return [float(data)]
    inside = data.values() if isinstance(data, dict) else data
    assert isinstance(inside, list | type({}.values()))
    return [number for one in inside for number in numbers(one)]


class TestAgreement:
    """Promise U3: every number on a page is the interface's and that of `--json`."""

    def test_tasks(self, shop: TestClient, films_run: Run) -> None:
        from plait.run.evaluate import evaluate

        page = shop.get("/tasks").text
        report, figures = shop.get("/v1/report").json(), shop.get("/v1/figures").json()
        assert report == evaluate(films_run.folder, None, None)[1], "as `plait evaluate RUN --json`"
        known = {*numbers(report), *numbers(figures)}
        pairs = [numbers(pair) for pair in figures["cosine"]["pairs"].values()]
        means = {sum(values) / len(values) for values in pairs if values}
        assert len(written(page)) > 40
        assert set(written(page)) <= known | means | {1.0}
        for task in report["tasks"].values():
            assert task["joint"][task["metric"]]["value"] in written(page)
            assert task["gain"] is None or task["gain"]["value"] in written(page)

    def test_what_is_drawn_is_in_the_table_beside_it(self, shop: TestClient) -> None:
        page = shop.get("/tasks").text
        figures = re.findall(r'<figure class="chart" data-chart="([^"]*)">(.*?)</figure>', page, re.DOTALL)
        assert len(figures) > 5
        for spec, inside in figures:
            drawn = json.loads(html.unescape(spec))
            values = numbers({key: drawn[key] for key in ("rows", "series", "values", "parts") if key in drawn})
            kept = numbers([one.get("kept") for one in drawn.get("series", [])])
            assert values
            assert set(values) - set(kept) <= set(written(inside))

    def test_why(self, shop: TestClient) -> None:
        said = shop.post("/v1/explain", json={"user": "5", "item": "f/3 é"}).json()
        page = shop.get("/inspect/why", params={"user": "5", "item": "f/3 é"}).text
        assert {step["place"] for step in said["moved"] if step["place"]} <= set(written(page))
        assert {one["likeness"] for one in said["because"]} <= set(written(page))
        assert set(written(page)) <= set(numbers(said))

    def test_what_if(self, shop: TestClient) -> None:
        asked = {"user": "5", "without": ["f/3 é"], "formula": "stars", "diversity": 0.5, "count": 6}
        said = shop.post("/v1/recommend", json=asked).json()
        page = shop.get("/inspect/list", params=asked).text
        shown = re.findall(r'hx-get="/inspect/why\?user=5&amp;item=([^"&]+)&', page)
        assert [html.unescape(name) for name in shown] == [quote_plus(item["item"]) for item in said["items"]]
        assert {item["score"] for item in said["items"]} <= set(written(page))

    def test_search(self, shop: TestClient) -> None:
        said = shop.post("/v1/search", json={"query": "Film 7", "count": 12}).json()
        page = shop.get("/playground", params={"search": "Film 7"}).text
        assert written(page) == [item["score"] for item in said["items"]]
        assert said["items"][0]["title"] in page

    def test_data(self, shop: TestClient, films_run: Run) -> None:
        said = shop.get("/v1/data").json()
        assert set(written(shop.get("/data").text)) <= set(numbers(said))
        tables = {table["name"]: table for table in said["tables"]}
        columns = {column["name"]: column for column in tables["films"]["columns"]}
        # A quarter of the films has no genre: 30 films, every fourth, from the third.
        assert columns["genres"]["missing"] == pytest.approx(7 / 30)
        assert columns["genres"]["values"] == 3
        assert tables["ratings"]["keys"] == {"user_id": "users", "film_id": "films"}
        assert {task["name"]: task["examples"] for task in said["tasks"]} == films_run.figures.data.splits

    def test_runs(self, shop: TestClient, films_run: Run) -> None:
        from plait.run.evaluate import compare

        said = shop.get("/v1/runs").json()["runs"]
        own = next(run for run in said if run["serving"])
        rows = compare([films_run.folder])[1]
        assert isinstance(rows, list)
        assert own["figures"] == {
            row["task"]: {"value": row["value"], "low": row["low"], "high": row["high"], "reason": ""} for row in rows
        }
        page = shop.get("/runs").text
        assert {row["value"] for row in rows if row["value"] is not None} <= set(written(page))

    def test_status(self, films_run: Run) -> None:
        client = client_of(films_run)
        said = client.get("/v1/status").json()
        page = client.get("/status", headers={"HX-Request": "true"}).text
        assert said["ready"]
        assert said["store"] is None
        assert said["model"]["version"][:10] in page
        assert "<html" not in page, "only the part that is renewed"


class TestInspector:
    def test_the_way_without_scripts_is_the_same(self, shop: TestClient) -> None:
        asked = {"without": ["f/3 é"], "formula": "stars", "count": 6}
        whole = shop.get("/users/5", params=asked).text
        part = shop.get("/inspect/list", params={"user": "5", **asked}).text
        assert re.findall(r'class="moved[^"]*">[^<]*<', part) == re.findall(r'class="moved[^"]*">[^<]*<', whole)
        assert len(re.findall(r'class="moved', part)) == 6

    def test_an_item_that_was_picked_is_explained(self, shop: TestClient) -> None:
        page = shop.get("/users/5", params={"item": "f/9 é"}).text
        assert "<small>Film 9</small>" in page
        assert shop.get("/users/5", params={"item": "nothing"}).status_code == 400

    def test_a_formula_that_cannot_be_read_leaves_the_list(self, shop: TestClient) -> None:
        page = shop.get("/inspect/list", params={"user": "5", "formula": "nothing *"}).text
        assert 'role="alert"' in page
        assert page.count('class="pick"') == 18

    def test_feedback_stands_in_the_history_at_once(self, films_run: Run, tmp_path: Path) -> None:
        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db")
        client = client_of(films_run, store=store)
        before = client.post("/v1/history", json={"user": "40"}).json()
        assert (before["total"], before["items"]) == (0, [])
        client.post("/v1/feedback", json={"user": "40", "item": "f/3 é", "kind": "click"})
        said = client.post("/v1/history", json={"user": "40"}).json()
        assert [(one["item"], one["kind"]) for one in said["items"]] == [("f/3 é", "click")]
        assert "since training" in client.get("/users/40").text
        store.close()

    def test_what_is_explained_is_the_list_that_is_shown(self, shop: TestClient) -> None:
        asked = {"user": "5", "without": ["f/3 é"], "formula": "stars", "diversity": 0.9}
        page = shop.get("/inspect/list", params=asked)
        first = shop.post("/v1/recommend", json={**asked, "count": 18}).json()["items"][0]["item"]
        said = shop.post("/v1/explain", json={**asked, "item": first}).json()
        why = page.text[page.text.index('id="why"') :]
        assert 'hx-swap-oob="true"' in why
        assert [step["stage"] for step in said["moved"]][-2:] == ["stars", "diversity"]
        assert said["moved"][-1]["place"] == 1
        for step in said["moved"]:
            assert step["stage"] in why
        assert {cause["score"] for cause in said["why"].values()} <= set(written(why))
        address = page.headers["HX-Replace-Url"]
        assert address == "/users/5?without=f%2F3+%C3%A9&formula=stars&diversity=0.9"
        assert written(shop.get(address).text)[-len(written(why)) :] == written(why), "loaded again it is the same"

    def test_somebody_known_by_feedback_alone(self, films_run: Run, tmp_path: Path) -> None:
        from plait.experiment import EventStore

        store = EventStore(tmp_path / "events.db")
        client = client_of(films_run, store=store)
        assert client.get("/users/new%25one").status_code == 404
        client.post("/v1/feedback", json={"user": "new%one", "item": "f/3 é", "kind": "click"})
        page = client.get("/users/new%25one?count=3")
        assert page.status_code == 200
        assert "since training" in page.text
        assert "back=%2Fusers%2Fnew%2525one%3Fcount%3D3" in page.text, "a choice of colours leads back to the same user"
        assert 'href="/users/new%25one?item=' in page.text
        store.close()

    @pytest.mark.parametrize(
        "address", ["/inspect/list?user=", "/inspect/why?user=&item=x", "/inspect/why?user=5&item=", "/users/" + "x" * 600]
    )
    def test_what_names_nobody_is_refused_in_a_sentence(self, shop: TestClient, address: str) -> None:
        answer = shop.get(address, headers={"HX-Request": "true"})
        assert answer.status_code in (404, 422)
        assert 'role="alert"' in answer.text
        assert shop.get("/inspect/list?user=5&without=").status_code == 200

    def test_somebody_with_a_past_and_somebody_without(self, shop: TestClient) -> None:
        assert "30 in all" in shop.get("/users/1").text
        assert "Nothing is known of what they did before" in shop.get("/users/40").text


class TestLook:
    def test_a_choice_is_kept_and_leads_back(self, films_run: Run) -> None:
        client = client_of(films_run)
        answer = client.get(
            "/look", params={"language": "zh", "theme": "dark", "back": "/users/5?count=3"}, follow_redirects=False
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/users/5?count=3")
        page = client.get("/users/5").text
        assert '<html lang="zh-CN" data-theme="dark">' in page
        assert "历史" in page

    @pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/a\r\nb"])
    def test_it_leads_nowhere_else(self, shop: TestClient, back: str) -> None:
        assert shop.get("/look", params={"back": back}, follow_redirects=False).headers["location"] == "/"

    @pytest.mark.parametrize(
        ("wish", "language"),
        [
            ("", "en"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
            ("en;q=0.5, zh", "zh-CN"),
            ("de, en;q=0.3, zh;q=0.2", "en"),
            ("zh;q=x", "en"),
            ("fr", "en"),
        ],
    )
    def test_the_language_is_that_of_the_browser(self, shop: TestClient, wish: str, language: str) -> None:
        assert f'<html lang="{language}"' in shop.get("/tasks", headers={"Accept-Language": wish}).text

    def test_only_what_there_is_can_be_chosen(self, shop: TestClient) -> None:
        assert shop.get("/look?theme=pink").status_code == 422
        assert 'data-theme="system"' in shop.get("/tasks", headers={"Cookie": "plait_theme=pink"}).text


class TestWords:
    @staticmethod
    def used() -> set[str]:
        """Return the sentences that templates and pictures ask to be translated."""
        import ast

        import jinja2

        from plait.serve.web.words import FOLDER

        environment = jinja2.Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
        found: set[str] = set()
        for path in FOLDER.glob("*.html"):
            for _, _, sentence in environment.extract_translations(path.read_text(encoding="utf-8")):  # type: ignore[attr-defined]
                found |= {one for one in (sentence if isinstance(sentence, tuple) else [sentence]) if one}
        for path in (FOLDER.parent / "web").glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say"
                if said and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                    found.add(node.args[0].value)  # type: ignore[attr-defined]
        return found

    @staticmethod
    def refusals() -> set[str]:
        """Return whatever is written in the files that say what goes wrong."""
        import ast

        from plait.serve.web.words import FOLDER

        trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (FOLDER.parent / "http").glob("*.py")]
        nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        return {node.value for node in nodes if isinstance(node.value, str)}

    def test_every_sentence_is_there_in_chinese(self) -> None:
        from plait.serve.web.words import FOLDER

        words = json.loads((FOLDER / "words.zh.json").read_text(encoding="utf-8"))
        used = self.used()
        assert len(used) > 150
        assert used - set(words) == set(), "to be translated"
        assert set(words) - used - self.refusals() == set(), "no longer used"

    def test_what_is_put_in_is_put_in(self) -> None:
        from plait.serve.web.words import FOLDER

        words = json.loads((FOLDER / "words.zh.json").read_text(encoding="utf-8"))
        for english, chinese in words.items():
            assert set(re.findall(r"%\(\w+\)s|%%", english)) == set(re.findall(r"%\(\w+\)s|%%", chinese)), english
            assert re.search("[\u4e00-\u9fff]", chinese), english
            assert not re.search("[\u4e00-\u9fff][,;:?!]", chinese), f"half a mark in {chinese}"


def test_a_run_without_its_report_says_so(films_run: Run) -> None:
    client = client_of(films_run)
    report = films_run.folder / "report.html"
    kept = report.rename(report.with_suffix(".kept"))
    try:
        answer = client.get("/report")
    finally:
        kept.rename(report)
    assert answer.status_code == 404
    assert "The folder of this run has no report.html" in answer.text
    assert client.get("/report").status_code == 200


class TestStatic:
    def test_it_is_compressed_and_kept(self, shop: TestClient) -> None:
        from plait.serve.web.static import FILES, asset

        for name in FILES:
            answer = shop.get(asset(name), headers={"Accept-Encoding": "gzip"})
            assert answer.headers["content-encoding"] == "gzip"
            assert "immutable" in answer.headers["cache-control"]
            plain = shop.get(asset(name), headers={"Accept-Encoding": "identity"})
            assert plain.content == answer.content
            assert len(gzip.compress(plain.content)) < 250_000
            kept = shop.get(asset(name), headers={"If-None-Match": answer.headers["etag"]})
            assert (kept.status_code, kept.content) == (304, b"")

    @pytest.mark.parametrize("name", ["built.json", "nothing.js", "..%2fbase.html", "%2e%2e/base.html"])
    def test_nothing_else_is_given(self, shop: TestClient, name: str) -> None:
        assert shop.get(f"/static/{name}").status_code == 404

    def test_what_is_served_was_built_from_what_is_here(self) -> None:
        from plait.serve.web.words import FOLDER

        made = json.loads((FOLDER / "static" / "built.json").read_text())
        for name, digest in made["sources"].items():
            assert hashlib.sha256((WEB / name).read_bytes()).hexdigest() == digest, f"run `make static`: {name} changed"
        for name, digest in made["built"].items():
            assert hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest() == digest, "changed by hand"


class TestSiblings:
    def test_the_newest_first_and_what_cannot_be_read_is_named(self, films_run: Run, tmp_path: Path) -> None:
        import os
        import shutil

        from plait.serve.siblings import Siblings

        for place, name in enumerate(("run", "old")):
            (tmp_path / name).mkdir()
            shutil.copy(films_run.folder / "report.json", tmp_path / name / "report.json")
            os.utime(tmp_path / name / "report.json", (1e9 - place, 1e9 - place))
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "report.json").write_text("{")
        (tmp_path / "other").mkdir()
        siblings = Siblings(None, tmp_path / "old")
        told = siblings.told()
        assert [(run.name, run.serving) for run in told.runs] == [("run", False), ("old", True)]
        assert told.unreadable == ["broken"]
        assert siblings.told().runs[0] is told.runs[0], "a report is read again only when it changed"


class TestPulse:
    def test_quantiles_are_those_of_prometheus(self) -> None:
        from plait.serve.http.pulse import _quantile

        buckets = {0.01: 10.0, 0.02: 30.0, 0.1: 40.0, float("inf"): 40.0}
        assert _quantile(buckets, 0.5) == pytest.approx(15.0), "20 of 40: halfway through the second bucket"
        assert _quantile(buckets, 0.95) == pytest.approx(1000 * (0.02 + 0.08 * 0.8))
        assert _quantile({0.01: 1.0, float("inf"): 4.0}, 0.95) == pytest.approx(10.0), "above the last bound, that bound"
        assert _quantile({0.01: 0.0, float("inf"): 0.0}, 0.5) is None
        assert _quantile({}, 0.5) is None
