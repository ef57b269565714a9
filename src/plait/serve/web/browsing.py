"""The pages that lead through the rows of a run, their pictures, and its report."""

from __future__ import annotations

import random
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from plait.serve.ask.questions import SimilarAsked
from plait.serve.http.questions import Count, Page, Part, Words, unknown
from plait.serve.web.shown import cards_of, newcomer
from plait.serve.web.views import Views
from plait.serve.wire import ItemPage, Similar

__all__ = ["add_browsing"]

_SHOWN: Final = 18
_ADDED: Final = 24
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"
)


def add_browsing(app: FastAPI, views: Views) -> None:
    """Add the pages of rows."""
    _add_lists(app, views)
    _add_rows(app, views)


def _add_lists(app: FastAPI, views: Views) -> None:
    browse = views.browse
    shape = browse.shape

    @app.get("/report", include_in_schema=False)
    def report() -> Response:
        if not (browse.run.folder / "report.html").is_file():
            raise HTTPException(404, "The folder of this run has no report.html. Its figures are on the page of the tasks.")
        headers = {"Content-Security-Policy": _REPORT_POLICY}
        return FileResponse(browse.run.folder / "report.html", media_type="text/html", headers=headers)

    @app.get("/random", include_in_schema=False)
    def anyone() -> RedirectResponse:
        users = None if shape.users is None else browse.catalogue(shape.users)
        if users is None or users.rows == 0:
            return RedirectResponse("/", 303)
        return RedirectResponse(views.renderer.link(users.card(random.randint(1, users.rows))), 303)

    @app.get("/browse/{table}", include_in_schema=False)
    def listing(request: Request, table: str, q: Words = "", page: Page = 1) -> Response:
        found = browse.listing(table, q, page)
        if found is None:
            raise unknown(browse, None, table)
        told = views.service.newcomers(q, _ADDED) if table == shape.items and page == 1 else []
        added = [newcomer(browse, one) for one in told]
        one = [*added, *found.cards]
        if q and len(one) == 1:
            return RedirectResponse(views.renderer.link(one[0]), 303)
        return views.page(request, "browse.html", page=found, added=added)

    @app.get("/tables/{table}", include_in_schema=False)
    def rows(request: Request, table: str, part: Part = "test", q: Words = "", page: Page = 1) -> Response:
        found = browse.table_rows(table, part, q, page)
        if found is None:
            raise unknown(browse, None, table)
        return views.page(request, "rows.html", rows=found)


def _add_rows(app: FastAPI, views: Views) -> None:
    browse = views.browse
    shape = browse.shape

    @app.get("/items/{name:path}", include_in_schema=False)
    def item(request: Request, name: str, count: Count = _SHOWN) -> Response:
        return thing(request, shape.items or "", name, count)

    @app.get("/rows/{table}/{name:path}", include_in_schema=False)
    def thing(request: Request, table: str, name: str, count: Count = _SHOWN) -> Response:
        found = browse.item(table, name, count) or _newcomer(views, table, name, count)
        if found is None:
            raise unknown(browse, table or None, name)
        return views.page(request, "item.html", page=found)

    @app.get("/pictures/{table}/{name:path}", include_in_schema=False)
    def picture(table: str, name: str) -> Response:
        catalogue = browse.catalogue(table)
        row = None if catalogue is None else catalogue.row(name)
        found = None if catalogue is None or row is None else catalogue.picture(row)
        if found is None:
            raise HTTPException(404, f"There is no picture of `{name}`.")
        return Response(found, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


def _newcomer(views: Views, table: str, name: str, count: int) -> ItemPage | None:
    """Return the page of an item that was added since the run; None where there is none of that id."""
    browse, service = views.browse, views.service
    told = service.newcomer(name) if table == browse.shape.items else None
    if told is None:
        return None
    card = newcomer(browse, told)
    near = service.similar(SimilarAsked(item=name, count=count))
    items = cards_of(browse, near.items)
    return ItemPage(item=card, similar=Similar(item=card, by=near.by, among=service.items - 1, items=items))
