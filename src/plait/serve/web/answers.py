"""Pages as HTTP answers, with what a browser may load for them."""

from __future__ import annotations

from typing import Final

from fastapi.responses import HTMLResponse

__all__ = ["html"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def html(text: str, status: int = 200) -> HTMLResponse:
    """Answer with a page, or a part of one."""
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        # The same address is written in the language and the colours of whoever asks.
        "Vary": "Cookie, Accept-Language, HX-Request",
    }
    return HTMLResponse(text, status, headers)
