"""What operators change while the service runs: the model, the one in its shadow; and what they changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from plait.errors import PlaitError, RunError
from plait.experiment import Change
from plait.serve.deploy.live import Live, Refused, State
from plait.serve.http.desk import Desk, caller, say

__all__ = ["add_admin"]


class NewModel(BaseModel):
    """Body of `POST /v1/admin/models`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"folder": "bundle-2"}]})

    folder: str = Field(min_length=1, max_length=500)
    """A run or a bundle in the folder beside which the first one lies."""
    shadow: bool = False
    """Whether it answers unseen, beside the one in place."""
    share: float = Field(default=0.1, gt=0, le=1, allow_inf_nan=False)
    """Share of the requests that a shadow answers too."""


class NewFormula(BaseModel):
    """Body of `POST /v1/admin/formula`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"formula": "click^1 * buy^2"}]})

    formula: str = Field(min_length=1, max_length=1_000)
    """How the tasks' scores become one, for every question that does not bring its own."""


class Models(BaseModel):
    """Which models there are."""

    model: str
    """SHA-256 of the manifest of the one in place: what every answer says."""
    previous: str | None
    shadow: str | None
    share: float
    workers: int
    """Workers that answer so already."""
    of: int
    """Workers there are."""


class Changes(BaseModel):
    """Answer of `/v1/admin/changes`, newest first."""

    changes: list[dict[str, Any]]


class Person(BaseModel):
    """Body of `POST /v1/admin/forget`."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, max_length=500)


class Forgotten(BaseModel):
    """Answer of `POST /v1/admin/forget`."""

    events: int


def add_admin(app: FastAPI, desk: Desk) -> None:
    """Add the routes that change what answers."""
    if desk.live is not None:
        _add_models(app, desk, desk.live)
    store = desk.store
    if store is None:
        return

    @app.get("/v1/admin/changes", tags=["operators"], response_model=Changes)
    async def changes() -> Response:
        found = await desk.lanes.store(store.changes)
        lines = [{"at": change.at, "who": change.who, "what": change.what, **change.more} for change in found]
        return say(Changes(changes=lines))

    @app.post("/v1/admin/forget", tags=["operators"], response_model=Forgotten)
    async def forget(asked: Person, request: Request) -> Response:
        count = await desk.lanes.store(lambda: store.forget(asked.user))
        await _note(desk, request, "forget", {"events": count})
        return say(Forgotten(events=count))


def _add_models(app: FastAPI, desk: Desk, live: Live[Any]) -> None:
    responses: dict[int | str, dict[str, Any]] = {409: {"description": "The gate refused it; the body lists why."}}

    @app.get("/v1/admin/models", tags=["operators"], response_model=Models)
    async def models() -> Response:
        return say(_models(await asyncio.to_thread(live.state)))

    @app.post("/v1/admin/models", tags=["operators"], response_model=Models, responses=responses)
    async def change(asked: NewModel, request: Request) -> Response:
        folder = _within(desk.models, asked.folder)
        if asked.shadow:
            return await _changed(desk, request, "shadow", lambda: live.cast_shadow(folder, asked.share))
        return await _changed(desk, request, "model", lambda: live.promote(folder))

    @app.post("/v1/admin/formula", tags=["operators"], response_model=Models)
    async def formula(asked: NewFormula, request: Request) -> Response:
        return await _changed(desk, request, "formula", lambda: live.reformulate(asked.formula), {"formula": asked.formula})

    @app.post("/v1/admin/rollback", tags=["operators"], response_model=Models, responses=responses)
    async def roll_back(request: Request) -> Response:
        return await _changed(desk, request, "rollback", live.roll_back)

    @app.delete("/v1/admin/shadow", tags=["operators"], response_model=Models)
    async def no_shadow(request: Request) -> Response:
        return await _changed(desk, request, "shadow", lambda: live.cast_shadow(None, 0.0))


async def _changed(
    desk: Desk,
    request: Request,
    what: str,
    change: Callable[[], State],
    more: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    """Make a change beside the answers under way, and keep who made it."""
    started = time.monotonic()
    try:
        state = await asyncio.to_thread(change)
    except (Refused, RunError) as error:
        found = error.faults if isinstance(error, Refused) else [str(error)]
        desk.log.problem("refused", change=what, key=caller(request), faults=found)
        return JSONResponse({"error": str(error), "faults": found}, 409)
    seconds = round(time.monotonic() - started, 3)
    desk.log.change(what, key=caller(request), model=state.version, seconds=seconds)
    await _note(desk, request, what, {"model": state.version, "shadow": state.shadow, "seconds": seconds, **more})
    return say(_models(state))


async def _note(desk: Desk, request: Request, what: str, more: dict[str, object]) -> None:
    """Keep a change; where that cannot be done at the moment, the log has it."""
    store = desk.store
    if store is not None:
        noted = Change(time.time(), caller(request) or "local", what, more)
        try:
            await desk.lanes.store(lambda: store.note(noted))
        except PlaitError as error:
            desk.log.problem("unnoted", change=what, error=type(error).__name__)


def _models(state: State) -> Models:
    return Models(
        model=state.version,
        previous=state.previous,
        shadow=state.shadow,
        share=state.share,
        workers=state.workers[0],
        of=state.workers[1],
    )


def _within(models: Path | None, name: str) -> Path:
    """Return a folder beside the first model: no key opens the rest of the disk."""
    if models is None or "\0" in name:
        raise HTTPException(404, "There is no such folder of models.")
    folder = (models / name).resolve()
    if not folder.is_relative_to(models.resolve()):
        raise HTTPException(403, "`folder` should lie in the folder in which the first model lies. Found one elsewhere.")
    return folder
