"""Pages as HTTP answers, with what a browser may load for them."""

from __future__ import annotations

from typing import Final

from fastapi.responses import HTMLResponse

__all__ = ["html"]

_POLICY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
)


def html(text: str, status: int = 200) -> HTMLResponse:
    """Answer with a page."""
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}
    return HTMLResponse(text, status, headers)
