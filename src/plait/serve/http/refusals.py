"""What is said at the door to those who are not let in: JSON to programs, a page to people."""

from __future__ import annotations

import json
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from plait.serve.http.bodies import discard
from plait.serve.http.guard import Refusal
from plait.serve.web.look import look_of
from plait.serve.web.words import translated

__all__ = ["PROGRAMS", "refuse"]

PROGRAMS: Final = ("/v1/", "/v2", "/health", "/metrics")
"""How paths begin that programs ask."""
_PAGE: Final = (
    '<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><title>{status} · Plait</title>'
    '<body style="font:1.05rem/1.6 system-ui,sans-serif;max-width:36rem;margin:16vh auto;padding:0 1.2rem">'
    '<h1 style="font-size:1.4rem">{head}</h1><p>{text}</p></body></html>'
)


async def refuse(refusal: Refusal, scope: Scope, send: Send, unread: Receive | None = None) -> None:
    """Answer without the application; where a body is unread, its sender is heard out for a moment."""
    kind, body = _written(refusal, scope)
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    if refusal.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="plait", charset="UTF-8"'))
    if unread is not None:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": unread is not None})
    if unread is not None:
        await discard(unread)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _written(refusal: Refusal, scope: Scope) -> tuple[bytes, bytes]:
    said = b"application/json", json.dumps({"error": refusal.text}).encode()
    if scope["path"].startswith(PROGRAMS):
        # Under overload these come by the hundred, and each takes time from an answer.
        return said
    request = Request(scope)
    look = look_of(request)
    if not look.part and "text/html" not in request.headers.get("accept", ""):
        return said
    text = escape(translated(look.language, refusal.text))
    if look.part:
        return b"text/html; charset=utf-8", f'<p class="empty fault" role="alert">{text}</p>'.encode()
    head = translated(look.language, "That did not work")
    language = "zh-CN" if look.language == "zh" else "en"
    return b"text/html; charset=utf-8", _PAGE.format(language=language, status=refusal.status, head=head, text=text).encode()
