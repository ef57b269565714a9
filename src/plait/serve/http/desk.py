"""What the routes of one process share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from plait.experiment import EventStore
from plait.serve.deploy.live import Live
from plait.serve.deploy.newcomers import Newcomers
from plait.serve.http.lanes import Lanes
from plait.serve.http.logs import Log
from plait.serve.http.metrics import Metrics

__all__ = ["Desk", "caller", "say"]


@final
@dataclass(frozen=True, slots=True)
class Desk:
    """What the routes of one process share.

    Attributes:
        lanes: where the work is done.
        metrics: what is counted.
        log: what is written.
        store: where events are kept, if they are.
        live: the model in place, where it can be changed.
        models: the folder in which other models lie.
        newcomers: where the other workers are told of new items; None where they read them in the store.
    """

    lanes: Lanes = field(default_factory=lambda: Lanes(30.0))
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
    store: EventStore | None = None
    live: Live[Any] | None = None
    models: Path | None = None
    newcomers: Newcomers | None = None

    async def model(self, work: Callable[[], BaseModel]) -> Response:
        """Do work of the model and write it as JSON, both in its thread, so that the loop stays free to refuse."""
        return await self.lanes.model(lambda: say(work()))


def say(answer: BaseModel) -> Response:
    """Write an answer as JSON."""
    return Response(answer.model_dump_json(), media_type="application/json")


def caller(request: Request) -> str:
    """Name whose key a request came with; empty where it came with none."""
    return str(request.scope.get("state", {}).get("key", ""))
