"""The answers as JSON."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from plait import __version__
from plait.serve.browse import Browse
from plait.serve.http.questions import Count, Words, unknown
from plait.serve.wire import Asked, Health, Recommendation, Scored, Similar

__all__ = ["add_interface"]

_SHOWN: Final = 18


def add_interface(app: FastAPI, service: Browse) -> None:
    """Add the routes under `/v1` and `/health`."""
    users, items = service.shape.users, service.shape.items

    @app.get("/health")
    def health() -> Health:
        return Health(status="ok", recipe=service.run.recipe.name, plait=__version__)

    @app.get("/v1/recommend")
    def recommend(user: Words, count: Count = _SHOWN) -> Recommendation:
        if users is None:
            raise HTTPException(404, "This recipe has no users to recommend to; look through its rows at /.")
        found = service.recommend(user, count)
        if found is None:
            raise unknown(service, users, user)
        return found

    @app.get("/v1/similar")
    def similar(item: Words, table: Words = "", count: Count = _SHOWN) -> Similar:
        found = service.similar(table or items or "", item, count)
        if found is None:
            raise unknown(service, table or items, item)
        return found

    @app.post("/v1/predict")
    def predict(asked: Asked) -> Scored:
        return service.predict(asked)
