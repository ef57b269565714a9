"""Each request goes to the model that is in place when it comes, and is answered by that one alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import final

from starlette.types import ASGIApp, Receive, Scope, Send

from plait.serve.browse import Browse
from plait.serve.deploy.live import Live
from plait.serve.deploy.newcomers import Follower
from plait.serve.http.guard import LIVENESS, Refusal
from plait.serve.http.refusals import refuse
from plait.serve.service import Service

__all__ = ["Answering", "Switch"]


@final
@dataclass(frozen=True, slots=True)
class Answering:
    """What one model answers with.

    Attributes:
        browse: what its pages show.
        service: what it says to programs.
        app: its routes.
        follower: adds the items that other workers were told of.
    """

    browse: Browse
    service: Service
    app: ASGIApp
    follower: Follower


@final
class Switch:
    """Passes requests on.

    Args:
        live: knows the model in place.
    """

    def __init__(self, live: Live[Answering]) -> None:
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        current = self._live.current
        if current is not None:
            await current.service.app(scope, receive, send)
            return
        if scope["path"] not in LIVENESS:
            await refuse(Refusal(503, "loading", "The model is still being loaded. Ask again in a second."), scope, send)
            return
        body = json.dumps({"live": True}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
