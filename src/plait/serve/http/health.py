"""Whether the service lives and is ready, and what it counted."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from plait import __version__
from plait.serve.browse import Browse
from plait.serve.http.desk import Desk
from plait.serve.wire import Health

__all__ = ["add_health"]

_STUCK: Final = 20.0


class LiveAnswer(BaseModel):
    """Answer of `/v2/health/live`."""

    live: bool


class ReadyAnswer(BaseModel):
    """Answer of `/v2/health/ready`."""

    ready: bool


def add_health(app: FastAPI, service: Browse, desk: Desk) -> None:
    """Add the routes that watch."""

    @app.get("/health")
    async def health() -> Health:
        return Health(status="ok", recipe=service.run.recipe.name, plait=__version__)

    @app.get("/v2/health/live", tags=["inference protocol"])
    async def live() -> LiveAnswer:
        return LiveAnswer(live=True)

    @app.get("/v2/health/ready", tags=["inference protocol"], response_model=ReadyAnswer)
    async def ready() -> Response:
        # One that hangs with a request is ready for no other; whoever balances the load sends them elsewhere.
        well = desk.lanes.busy_for < _STUCK
        return JSONResponse({"ready": well}, 200 if well else 503)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        return Response(desk.metrics.text(), media_type=desk.metrics.TYPE)
