"""The service over HTTP: pages for people, the same answers as JSON under `/v1`."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal

import torch
import uvicorn
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from plait import __version__
from plait.errors import PlaitError, RunError
from plait.run.run import load
from plait.serve.catalogue import singular
from plait.serve.render import Renderer
from plait.serve.service import Service
from plait.serve.wire import Asked, Health, Recommendation, Scored, Similar

__all__ = ["create_app", "run_server"]

Count = Annotated[int, Query(ge=1, le=100)]
Page = Annotated[int, Query(ge=1, le=1_000_000)]
Words = Annotated[str, Query(max_length=200)]
Part = Annotated[Literal["test", "valid", "train", "all"], Query()]

_SHOWN: Final = 18
_STYLE: Final = Path(__file__).parent / "pages" / "page.css"
_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
)
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:"
)


def run_server(folder: Path, host: str, port: int) -> None:
    """Open the page of a run and answer until Ctrl-C.

    Args:
        folder: a finished run.
        host: address to listen on.
        port: 0 picks a free one.

    Raises:
        RunError: there is no such run, or the port is taken.
    """
    run = load(folder)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # Who comes before everything is loaded waits instead of being refused.
        listener.listen()
    except OSError as error:
        listener.close()
        raise RunError(
            f"The page should listen on {host}, port {port}. Found: {error.strerror or error}. Choose another with --port,"
            " or let a free one be picked with --port 0."
        ) from error
    # One thread per process: on a busy machine two threads of a matrix product wait for each other.
    torch.set_num_threads(1)
    application = create_app(Service(run))
    print(f"Page: http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}  (Ctrl-C ends it)", flush=True)  # noqa: T201
    config = uvicorn.Config(application, log_level="warning", ws="none", lifespan="off")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


def create_app(service: Service) -> FastAPI:
    """Return the application for one run."""
    # The built-in documentation pages load scripts from an outside host.
    app = FastAPI(title=f"Plait: {service.run.recipe.name}", version=__version__, docs_url=None, redoc_url=None)
    renderer = Renderer(service.shape, service.run.recipe.name)
    _add_interface(app, service)
    _add_first_pages(app, service, renderer)
    _add_row_pages(app, service, renderer)
    _add_errors(app, renderer)
    return app


def _html(text: str, status: int = 200) -> HTMLResponse:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    return HTMLResponse(text, status, headers)


def _unknown(service: Service, table: str | None, name: str) -> HTTPException:
    """Say that there is no such row, and what ids look like."""
    catalogue = None if table is None else service.catalogue(table)
    if table is None or catalogue is None:
        return HTTPException(404, f"There is no table of that name in the recipe {service.run.recipe.name}.")
    some = ", ".join(f"`{catalogue.id(row)}`" for row in range(1, min(3, catalogue.rows) + 1))
    hint = f" Ids look like {some}." if some else " The table has no rows."
    return HTTPException(404, f"There is no {singular(table)} `{name}`.{hint}")


def _add_interface(app: FastAPI, service: Service) -> None:
    users, items = service.shape.users, service.shape.items

    @app.get("/health")
    def health() -> Health:
        return Health(status="ok", recipe=service.run.recipe.name, plait=__version__)

    @app.get("/v1/recommend")
    def recommend(user: Words, count: Count = _SHOWN) -> Recommendation:
        if users is None:
            raise HTTPException(404, "This recipe has no users to recommend to; look through its rows at /.")
        found = service.recommend(user, count)
        if found is None:
            raise _unknown(service, users, user)
        return found

    @app.get("/v1/similar")
    def similar(item: Words, table: Words = "", count: Count = _SHOWN) -> Similar:
        found = service.similar(table or items or "", item, count)
        if found is None:
            raise _unknown(service, table or items, item)
        return found

    @app.post("/v1/predict")
    def predict(asked: Asked) -> Scored:
        return service.predict(asked)


def _add_first_pages(app: FastAPI, service: Service, renderer: Renderer) -> None:
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
        return _html(renderer.page("home.html", home=service.home(), rows=rows))

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
            raise _unknown(service, None, table)
        if found.found == 1 and q:
            return RedirectResponse(renderer.link(found.cards[0]), 303)
        return _html(renderer.page("browse.html", page=found))


def _add_row_pages(app: FastAPI, service: Service, renderer: Renderer) -> None:
    shape = service.shape

    @app.get("/users/{name:path}", include_in_schema=False)
    def user(name: str, count: Count = _SHOWN) -> HTMLResponse:
        found = service.user(name, count)
        if found is None:
            raise _unknown(service, shape.users, name)
        return _html(renderer.page("user.html", page=found))

    @app.get("/items/{name:path}", include_in_schema=False)
    def item(name: str, count: Count = _SHOWN) -> HTMLResponse:
        return thing(shape.items or "", name, count)

    @app.get("/rows/{table}/{name:path}", include_in_schema=False)
    def thing(table: str, name: str, count: Count = _SHOWN) -> HTMLResponse:
        found = service.item(table, name, count)
        if found is None:
            raise _unknown(service, table or None, name)
        return _html(renderer.page("item.html", page=found))

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
            raise _unknown(service, None, table)
        return _html(renderer.page("rows.html", rows=found))


def _add_errors(app: FastAPI, renderer: Renderer) -> None:
    def answer(request: Request, status: int, text: str) -> Response:
        text = text.encode("utf-8", "replace").decode()
        if request.url.path.startswith(("/v1/", "/health")):
            return JSONResponse({"error": text}, status)
        return _html(renderer.page("error.html", status=status, text=text), status)

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = "There is no such page." if error.detail == "Not Found" else str(error.detail)
        return answer(request, error.status_code, text)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [f"{'.'.join(str(part) for part in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors()]
        return answer(request, 422, "The question cannot be read. " + "; ".join(problems[:5]) + ".")

    def ours(request: Request, error: Exception) -> Response:
        return answer(request, 400, str(error))

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Response]]] = [
        (HTTPException, http),
        (RequestValidationError, invalid),
        (PlaitError, ours),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
