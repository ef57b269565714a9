"""The door: every request is counted, checked, and let in or refused before anything of it is read."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plait.serve.http.admission import Admission
from plait.serve.http.bodies import Body, too_large
from plait.serve.http.guard import LIVENESS, Guard, Refusal
from plait.serve.http.logs import Log
from plait.serve.http.metrics import Metrics
from plait.serve.http.refusals import refuse

__all__ = ["Door", "Limits"]

_ADMIN: Final = "/v1/admin"
_ALWAYS: Final = frozenset({"/metrics", "/v2/health/ready"}) | LIVENESS
_FEEDBACK: Final = "/v1/feedback"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken.

    Attributes:
        waiting: requests of one process that wait or are answered at a time.
        writing: requests with feedback that wait at a time.
        patience: seconds a request may wait before it is begun.
        body: bytes of a body.
        address: bytes of a path with its question.
    """

    waiting: int = 16
    writing: int = 256
    patience: float = 2.0
    body: int = 2**20
    address: int = 8192


@dataclass(slots=True)
class _Visit:
    """One request as it passes."""

    id: str
    started: float
    status: int = 0
    key: str = ""
    why: str = ""


@final
class Door:
    """Stands before the application.

    Args:
        inner: what answers.
        guard: who may pass.
        limits: how much is taken.
        metrics: counts.
        log: writes.
    """

    def __init__(self, inner: ASGIApp, guard: Guard, limits: Limits, metrics: Metrics, log: Log) -> None:
        self._inner = inner
        self._guard = guard
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._asking = Admission(limits.waiting)
        self._writing = Admission(limits.writing)
        self._ending = False

    def end(self) -> None:
        """Tell everybody who is answered from now on that the connection is closed after it."""
        self._ending = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        visit = _Visit(secrets.token_hex(8), time.perf_counter())
        scope.setdefault("state", {})["id"] = visit.id
        # Whoever asks for the head is answered as if for all of it, without the body.
        inside = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                more = [(b"x-request-id", visit.id.encode())]
                if self._ending:
                    more.append((b"connection", b"close"))
                message = {**message, "headers": [*message.get("headers", []), *more]}
            elif inside is not scope:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._let_in(visit, inside, receive, sending)
        except Exception as error:  # noqa: BLE001  whatever it is, it is answered, and told without its words
            self._log.failure(visit.id, _route(inside), error)
            if visit.status == 0:
                text = f"Something went wrong here; it is not the question's fault. The log has it as {visit.id}."
                await refuse(Refusal(500, "failure", text), scope, sending)
        finally:
            self._tell(visit, scope["method"], inside)

    async def _let_in(self, visit: _Visit, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        visit.key, refusal = self._guard.check(method, path, headers)
        refusal = refusal or self._too_long(scope, headers)
        if refusal is not None:
            visit.why = refusal.why
            await refuse(refusal, scope, send, receive if refusal.status == 413 else None)
            return
        scope["state"]["key"] = visit.key
        admission = self._lane(path)
        if admission is None:
            await self._inner(scope, Body(receive, self._limits.body), send)
            return
        if admission.full:
            visit.why = "full"
            text = "The service has as many requests as it can answer in time. Ask again in a second."
            await refuse(Refusal(429, "full", text), scope, send)
            return
        admission.inside += 1
        self._metrics.inside(1)
        try:
            await self._inner(scope, Body(receive, self._limits.body), send)
        finally:
            admission.inside -= 1
            self._metrics.inside(-1)

    def _lane(self, path: str) -> Admission | None:
        if path in _ALWAYS or path.startswith(_ADMIN):
            return None
        return self._writing if path == _FEEDBACK else self._asking

    def _too_long(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return Refusal(400, "length", "`Content-Length` should be a number of bytes.")
        if int(length[:20]) > self._limits.body:
            return Refusal(413, "body", too_large(self._limits.body))
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.address:
            return Refusal(414, "address", f"An address should have at most {self._limits.address} bytes.")
        return None

    def _tell(self, visit: _Visit, asked: str, scope: Scope) -> None:
        seconds = time.perf_counter() - visit.started
        route = _route(scope)
        if visit.why:
            self._metrics.refused(visit.why)
        method = asked if asked in ("GET", "POST", "HEAD") else "other"
        self._metrics.request(route, method, visit.status, seconds)
        self._log.request(
            id=visit.id,
            method=method,
            route=route,
            status=visit.status,
            ms=seconds * 1000,
            key=visit.key,
            why=visit.why,
        )


def _route(scope: Scope) -> str:
    """Return the pattern of the path, in which ids are names."""
    return getattr(scope.get("route"), "path", None) or "none"
