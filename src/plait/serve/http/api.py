"""The answers as JSON."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plait.serve.browse import Browse
from plait.serve.http.desk import Desk
from plait.serve.http.questions import Count, Words, unknown
from plait.serve.wire import Asked, Recommendation, Scored, Similar

__all__ = ["add_interface"]

_SHOWN: Final = 18


def add_interface(app: FastAPI, service: Browse, desk: Desk) -> None:
    """Add the routes under `/v1`."""
    users, items = service.shape.users, service.shape.items

    @app.get("/v1/recommend", response_model=Recommendation)
    async def recommend(user: Words, count: Count = _SHOWN) -> Response:
        def work() -> Recommendation:
            if users is None:
                raise HTTPException(404, "This recipe has no users to recommend to; look through its rows at /.")
            found = service.recommend(user, count)
            if found is None:
                raise unknown(service, users, user)
            return found

        return await desk.model(work)

    @app.get("/v1/similar", response_model=Similar)
    async def similar(item: Words, table: Words = "", count: Count = _SHOWN) -> Response:
        def work() -> Similar:
            found = service.similar(table or items or "", item, count)
            if found is None:
                raise unknown(service, table or items, item)
            return found

        return await desk.model(work)

    @app.post("/v1/predict", response_model=Scored)
    async def predict(asked: Asked) -> Response:
        return await desk.model(lambda: service.predict(asked))
