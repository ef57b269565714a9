"""The page in a real browser: from a user to a film to its like, light, dark and narrow, and it asks nobody else."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from plait.run.run import Run

pytestmark = pytest.mark.browser

PER_PAGE, REQUESTS = 500_000, 10
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync"
).split()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def served(run: Run) -> Iterator[str]:
    """Answer on a free port, in a thread, until the test is done."""
    import uvicorn

    from support.app import app_of

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app_of(run), log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from support.films import trained, write_films

    folder = tmp_path_factory.mktemp("films")
    yield from served(trained(write_films(folder), folder))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from support.films import trained, write_people

    folder = tmp_path_factory.mktemp("people")
    yield from served(trained(write_people(folder), folder))


@dataclass
class Heard:
    """What a page asked for and complained of."""

    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    size: int = 0

    def listen(self, page: Page) -> None:
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))

    def check(self, page: Page, base: str) -> None:
        """Hold this page to the promises and forget it."""
        outside = [url for url in self.asked if not url.startswith((base, "data:"))]
        fetched = [url for url in self.asked if url.startswith(base)]
        assert outside == []
        assert self.errors == []
        assert 0 < len(fetched) <= REQUESTS
        size = page.evaluate("performance.getEntries().reduce((sum, e) => sum + (e.encodedBodySize || 0), 0)")
        assert 0 < size <= PER_PAGE
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing hangs over the side"
        self.asked.clear()


LOOKS = [("light", 1280, 900), ("dark", 1280, 900), ("light", 360, 760), ("dark", 360, 760)]


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_from_a_user_to_an_item_to_its_like(browser: Browser, shop: str, scheme: str, width: int, height: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
    page = context.new_page()
    heard = Heard()
    heard.listen(page)

    page.goto(shop)
    assert page.title() == "films · Plait"
    heard.check(page, shop)

    page.fill("input[type=search]", "Łódź")
    page.press("input[type=search]", "Enter")
    page.wait_for_url("**/browse/users?q=*")
    heard.check(page, shop)

    page.click(".person >> nth=0")
    page.wait_for_url("**/users/*")
    assert page.locator("h1").inner_text() == "User 1"
    assert page.locator("#list .pick").count() > 5
    heard.check(page, shop)

    page.locator("#list .pick").nth(2).click()
    title = page.locator("#list .pick .name").nth(2).evaluate("e => e.firstChild.textContent")
    page.wait_for_function("title => document.querySelector('#why h2 small').textContent === title", arg=title)
    heard.check(page, shop)
    page.goto(f"{shop}/browse/films")
    title = page.locator(".shelf .tile .name").first.inner_text()
    page.click(".shelf .tile a >> nth=0")
    page.wait_for_url("**/items/*")
    assert page.locator("h1").inner_text() == title
    heard.check(page, shop)

    similar = page.locator(".shelf .tile .name").first.inner_text()
    assert similar != title
    page.click(".shelf .tile a >> nth=0")
    page.wait_for_load_state()
    assert page.locator("h1").inner_text() == similar
    heard.check(page, shop)

    page.click("footer >> text=the whole report")
    page.wait_for_url("**/report")
    heard.check(page, shop)
    context.close()


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_the_pages_about_the_model(browser: Browser, shop: str, scheme: str, width: int, height: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(shop)
    page.wait_for_load_state("networkidle")
    heard.check(page, shop)
    for name in ("Tasks", "Runs", "Data", "Health", "Playground", "Overview"):
        page.click(f"header nav >> text={name}")
        page.wait_for_load_state("networkidle")
        assert page.locator("header nav [aria-current]").inner_text() == name
        heard.check(page, shop)
        if name == "Tasks":
            assert page.locator("figure.drawn svg").count() == page.locator("figure.chart").count() > 5
    context.close()


def test_what_if_shows_what_moved(browser: Browser, shop: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(f"{shop}/users/5")
    assert page.locator(".moved").count() == 0
    page.check(".history input >> nth=0")
    page.wait_for_selector(".moved")
    page.fill("#otherwise input[name=formula]", "stars")
    page.press("#otherwise input[name=formula]", "Enter")
    page.wait_for_function("() => document.querySelector('#list code').textContent === 'stars'")
    heard.check(page, shop)
    page.fill("#otherwise input[name=formula]", "nothing *")
    page.press("#otherwise input[name=formula]", "Enter")
    page.wait_for_selector("#list [role=alert]")
    assert page.locator("#list .pick").count() > 5, "the list as it is stays"
    context.close()


def test_the_playground_answers_in_its_place(browser: Browser, shop: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(f"{shop}/playground")
    page.fill("input[name=search]", "Film 7")
    page.press("input[name=search]", "Enter")
    page.wait_for_selector("#search-said .line")
    assert page.url == f"{shop}/playground", "nothing was loaded anew"
    assert page.locator("#search-said .name").first.evaluate("e => e.firstChild.textContent") == "Film 7"
    assert "/v1/search" in (page.locator("#search-said pre").text_content() or "")
    heard.check(page, shop)
    context.close()


def test_language_and_colours_are_chosen_and_stay(browser: Browser, shop: str) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(f"{shop}/tasks")
    heard.check(page, shop)
    page.click("text=中文")
    page.wait_for_selector("html[lang=zh-CN]")
    assert page.locator("h1").inner_text().startswith("任务")
    page.click(".switch.theme")
    page.wait_for_selector("html[data-theme=dark]")
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")) < 120
    page.goto(shop)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert heard.errors == []
    context.close()


def test_it_is_dark_where_dark_is_wished(browser: Browser, shop: str) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(shop)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades[scheme] = sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
        context.close()
    assert shades["light"] > 600
    assert shades["dark"] < 120


def test_it_works_without_scripts(browser: Browser, shop: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shop}/users/5")
    assert page.locator("#list .pick").count() > 5
    page.locator("#list .pick").nth(1).click()
    page.wait_for_url("**item=*")
    assert page.locator("#list [aria-current]").count() == 1
    page.goto(f"{shop}/tasks")
    assert page.locator("figure .plot").first.is_hidden()
    page.locator("figure summary").first.click()
    assert page.locator("figure table").first.is_visible()
    page.goto(f"{shop}/playground")
    page.fill("input[name=search]", "Film 7")
    page.press("input[name=search]", "Enter")
    page.wait_for_url("**/playground#search")
    assert page.locator("#search-said .line").count() > 0
    context.close()


def test_it_can_be_walked_with_the_keyboard(browser: Browser, shop: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(shop)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "brand"
    context.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_rows_without_users_can_be_looked_through(browser: Browser, table: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    heard = Heard()
    heard.listen(page)
    page.goto(table)
    assert page.locator("table.rows tbody tr").count() == 24
    heard.check(page, table)
    page.select_option("select", "all")
    page.fill("input[type=search]", "nurse")
    page.click("text=Show")
    page.wait_for_url("**/tables/people?*")
    assert "100 rows" in page.locator("h1").inner_text()
    heard.check(page, table)
    page.click("text=Next")
    page.wait_for_url("**page=2**")
    page.click("table.rows th a >> nth=0")
    page.wait_for_url("**/rows/people/*")
    assert page.locator(".about .reading").count() == 2
    heard.check(page, table)
    context.close()
