"""The Open Inference Protocol, version 2: the model as any server of models says it, with users and items as texts."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plait import __version__
from plait.serve.ask.answers import Placed
from plait.serve.ask.questions import ScoreAsked
from plait.serve.http.desk import Desk
from plait.serve.service import Service

__all__ = ["add_inference"]

_INPUTS: Final = [
    {"name": "user", "datatype": "BYTES", "shape": [1]},
    {"name": "items", "datatype": "BYTES", "shape": [-1]},
]


class Tensor(BaseModel):
    """A tensor of the protocol."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    name: str = Field(max_length=200)
    datatype: str = Field(max_length=20)
    shape: list[int] = Field(max_length=4)
    data: list[str | float | None] = Field(max_length=100_000)


class Infer(BaseModel):
    """Body of `/v2/models/{model}/infer`."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "inputs": [
                        {"name": "user", "datatype": "BYTES", "shape": [1], "data": ["15"]},
                        {"name": "items", "datatype": "BYTES", "shape": [2], "data": ["50", "181"]},
                    ]
                }
            ]
        },
    )

    id: str | None = Field(default=None, max_length=200)
    inputs: list[Tensor] = Field(min_length=1, max_length=8)


class Inferred(BaseModel):
    """Answer of `/v2/models/{model}/infer`."""

    model_name: str
    model_version: str
    id: str | None
    outputs: list[Tensor]


class Ready(BaseModel):
    """Answer of `/v2/models/{model}/ready`."""

    name: str
    ready: bool


def add_inference(app: FastAPI, service: Service, desk: Desk) -> None:
    """Add the routes of the protocol."""
    name = service.bundle.run.recipe.name

    def known(model: str) -> None:
        if model != name:
            raise HTTPException(404, "There is no model of that name. `GET /v2` names the one there is.")

    @app.get("/v2", tags=["inference protocol"])
    async def server() -> dict[str, Any]:
        return {"name": "plait", "version": __version__, "extensions": [], "models": [name]}

    @app.get("/v2/models/{model}", tags=["inference protocol"])
    async def metadata(model: str) -> dict[str, Any]:
        known(model)
        outputs = [
            {"name": task, "datatype": "FP64", "shape": [-1, len(columns)]}
            for task, columns in service.bundle.backend.columns.items()
        ]
        return {"name": name, "versions": [service.version], "platform": "plait", "inputs": _INPUTS, "outputs": outputs}

    @app.get("/v2/models/{model}/ready", tags=["inference protocol"])
    async def ready(model: str) -> Ready:
        known(model)
        return Ready(name=name, ready=True)

    @app.post("/v2/models/{model}/infer", tags=["inference protocol"], response_model=Inferred)
    async def infer(model: str, asked: Infer) -> Response:
        known(model)
        return await desk.model(lambda: _inferred(service, name, asked))


def _inferred(service: Service, name: str, asked: Infer) -> Inferred:
    inputs = {tensor.name: tensor for tensor in asked.inputs}
    if set(inputs) != {"user", "items"} or len(inputs["user"].data) != 1 or not inputs["items"].data:
        raise HTTPException(400, "The inputs should be `user` with one text and `items` with one text for each item.")
    user, *items = [str(value) for value in (*inputs["user"].data, *inputs["items"].data)]
    if not all(0 < len(value) <= 500 for value in (user, *items)) or len(items) > 10_000:
        raise HTTPException(400, "Ids should have 1 to 500 letters, and there should be at most 10000 items.")
    said = service.score(ScoreAsked(user=user, items=items))
    if said.unknown:
        raise HTTPException(404, f"{len(said.unknown)} of the items do not exist.")
    outputs = []
    for task in said.items[0].tasks:
        rows = [_row(item, task) for item in said.items]
        data: list[str | float | None] = [value for row in rows for value in row]
        outputs.append(Tensor(name=task, datatype="FP64", shape=[len(rows), len(rows[0])], data=data))
    return Inferred(model_name=name, model_version=service.version, id=asked.id, outputs=outputs)


def _row(item: Placed, task: str) -> list[float]:
    value = item.tasks[task]
    return list(value.values()) if isinstance(value, dict) else [value]
