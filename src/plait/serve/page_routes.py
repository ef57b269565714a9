"""The pages for people."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from plait.serve.browse import Browse
from plait.serve.http.answers import html
from plait.serve.http.questions import Count, Page, Part, Words, unknown
from plait.serve.render import Renderer

__all__ = ["add_pages"]

_SHOWN: Final = 18
_STYLE: Final = Path(__file__).parent / "pages" / "page.css"
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"
)


def add_pages(app: FastAPI, service: Browse, renderer: Renderer) -> None:
    """Add the pages, their style and their pictures."""
    _add_first_pages(app, service, renderer)
    _add_row_pages(app, service, renderer)


def _add_first_pages(app: FastAPI, service: Browse, renderer: Renderer) -> None:
    shape = service.shape
    first = service.home().tables

    @app.get("/static/page.css", include_in_schema=False)
    def style() -> FileResponse:
        return FileResponse(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @app.get("/report", include_in_schema=False)
    def report() -> Response:
        headers = {"Content-Security-Policy": _REPORT_POLICY}
        return FileResponse(service.run.folder / "report.html", media_type="text/html", headers=headers)

    @app.get("/", include_in_schema=False)
    def home() -> HTMLResponse:
        rows = service.table_rows(first[0].name) if shape.users is None and first else None
        return html(renderer.page("home.html", home=service.home(), rows=rows))

    @app.get("/random", include_in_schema=False)
    def anyone() -> RedirectResponse:
        users = None if shape.users is None else service.catalogue(shape.users)
        if users is None or users.rows == 0:
            return RedirectResponse("/", 303)
        return RedirectResponse(renderer.link(users.card(random.randint(1, users.rows))), 303)

    @app.get("/browse/{table}", include_in_schema=False)
    def browse(table: str, q: Words = "", page: Page = 1) -> Response:
        found = service.listing(table, q, page)
        if found is None:
            raise unknown(service, None, table)
        if found.found == 1 and q:
            return RedirectResponse(renderer.link(found.cards[0]), 303)
        return html(renderer.page("browse.html", page=found))


def _add_row_pages(app: FastAPI, service: Browse, renderer: Renderer) -> None:
    shape = service.shape

    @app.get("/users/{name:path}", include_in_schema=False)
    def user(name: str, count: Count = _SHOWN) -> HTMLResponse:
        found = service.user(name, count)
        if found is None:
            raise unknown(service, shape.users, name)
        return html(renderer.page("user.html", page=found))

    @app.get("/items/{name:path}", include_in_schema=False)
    def item(name: str, count: Count = _SHOWN) -> HTMLResponse:
        return thing(shape.items or "", name, count)

    @app.get("/rows/{table}/{name:path}", include_in_schema=False)
    def thing(table: str, name: str, count: Count = _SHOWN) -> HTMLResponse:
        found = service.item(table, name, count)
        if found is None:
            raise unknown(service, table or None, name)
        return html(renderer.page("item.html", page=found))

    @app.get("/pictures/{table}/{name:path}", include_in_schema=False)
    def picture(table: str, name: str) -> Response:
        catalogue = service.catalogue(table)
        row = None if catalogue is None else catalogue.row(name)
        found = None if catalogue is None or row is None else catalogue.picture(row)
        if found is None:
            raise HTTPException(404, f"There is no picture of `{name}`.")
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    @app.get("/tables/{table}", include_in_schema=False)
    def rows(table: str, part: Part = "test", q: Words = "", page: Page = 1) -> HTMLResponse:
        found = service.table_rows(table, part, q, page)
        if found is None:
            raise unknown(service, None, table)
        return html(renderer.page("rows.html", rows=found))
