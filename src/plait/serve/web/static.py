"""Scripts and styles, out of the package: compressed once, and kept by browsers until they change."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["FILES", "add_static", "asset"]

FILES: Final[dict[str, str]] = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "htmx.js": "text/javascript; charset=utf-8",
    "charts.js": "text/javascript; charset=utf-8",
}
_FOLDER: Final = Path(__file__).parent.parent / "pages" / "static"


@cache
def _content(name: str) -> tuple[bytes, bytes, str]:
    """Return a file, its compressed form, and what tells it from other versions of it."""
    plain = (_FOLDER / name).read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16]


def asset(name: str) -> str:
    """Return the address of a file, another one whenever the file is another."""
    return f"/static/{name}?v={_content(name)[2]}"


def add_static(app: FastAPI) -> None:
    """Add the route of the files."""

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str, request: Request) -> Response:
        if name not in FILES:
            raise HTTPException(404, "There is no such file.")
        plain, small, version = _content(name)
        tag = f'"{version}"'
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": tag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(small, media_type=FILES[name], headers={**headers, "Content-Encoding": "gzip"})
        return Response(plain, media_type=FILES[name], headers=headers)
