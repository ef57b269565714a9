"""Every failure as one clear message: a page for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from plait.errors import PlaitError, StoreError
from plait.serve.http.admission import Busy
from plait.serve.http.refusals import PROGRAMS
from plait.serve.web.answers import html
from plait.serve.web.look import look_of
from plait.serve.web.renderer import Renderer
from plait.serve.web.words import translated

__all__ = ["add_errors"]

_SOON: Final = {"Retry-After": "1"}


def add_errors(app: FastAPI, renderer: Renderer) -> None:
    """Add what is said when something goes wrong."""

    def answer(request: Request, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
        text = text.encode("utf-8", "replace").decode()
        if request.url.path.startswith(PROGRAMS):
            return JSONResponse({"error": text}, status, headers)
        look = look_of(request)
        template = "error_part.html" if look.part else "error.html"
        page = html(renderer.page(template, look, status=status, text=translated(look.language, text)), status)
        page.headers.update(headers or {})
        return page

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        text = "There is no such page." if error.detail == "Not Found" else str(error.detail)
        return answer(request, error.status_code, text, error.headers)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [f"{'.'.join(str(part) for part in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors()]
        return answer(request, 422, "The question cannot be read. " + "; ".join(problems[:5]) + ".")

    def ours(request: Request, error: Exception) -> Response:
        if isinstance(error, Busy):
            return answer(request, 429, str(error), _SOON)
        if isinstance(error, StoreError):
            return answer(request, 503, str(error), _SOON)
        return answer(request, 400, str(error))

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Response]]] = [
        (HTTPException, http),
        (RequestValidationError, invalid),
        (PlaitError, ours),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)
