"""The answers as JSON."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from plait.report.content import Report
from plait.report.figures import Figures
from plait.serve.ask.answers import Recommended
from plait.serve.ask.questions import RecommendAsked
from plait.serve.browse import Browse
from plait.serve.http.asks import told
from plait.serve.http.desk import Desk
from plait.serve.http.pulse import pulse
from plait.serve.http.questions import Count, Words, unknown
from plait.serve.inventory import inventory
from plait.serve.service import Service
from plait.serve.siblings import Siblings
from plait.serve.told import DataTold, Pulse, RunsTold
from plait.serve.wire import Asked, Scored, Similar

__all__ = ["add_interface", "add_told"]

_SHOWN: Final = 18


def add_interface(app: FastAPI, browse: Browse, service: Service, desk: Desk) -> None:
    """Add the routes under `/v1` that need no body, and `/v1/predict`."""
    users, items = browse.shape.users, browse.shape.items

    @app.get("/v1/recommend", response_model=Recommended, tags=["items for users"])
    async def recommend(user: Annotated[Words, Query(min_length=1)], count: Count = _SHOWN) -> Response:
        if users is None:
            raise HTTPException(404, "This recipe has no users to recommend to; look through its rows at /.")
        return await told(desk, lambda: service.recommend(RecommendAsked(user=user, count=count)))

    @app.get("/v1/similar", response_model=Similar)
    async def similar(item: Words, table: Words = "", count: Count = _SHOWN) -> Response:
        def work() -> Similar:
            found = browse.similar(table or items or "", item, count)
            if found is None:
                raise unknown(browse, table or items, item)
            return found

        return await desk.model(work)

    @app.post("/v1/predict", response_model=Scored)
    async def predict(asked: Asked) -> Response:
        return await desk.model(lambda: browse.predict(asked))


def add_told(app: FastAPI, browse: Browse, service: Service, desk: Desk, siblings: Siblings) -> None:
    """Add what the service says about itself: the numbers of its pages."""
    run = browse.run

    @app.get("/v1/report", response_model=Report, tags=["about the model"])
    def report() -> Report:
        return run.report

    @app.get("/v1/figures", response_model=Figures, tags=["about the model"])
    def figures() -> Figures:
        return run.figures

    @app.get("/v1/data", response_model=DataTold, tags=["about the model"])
    def data() -> DataTold:
        return inventory(run, list(browse.shape.tables))

    @app.get("/v1/runs", response_model=RunsTold, tags=["about the model"])
    def runs() -> RunsTold:
        return siblings.told()

    @app.get("/v1/status", response_model=Pulse, tags=["about the model"])
    def status() -> Pulse:
        return pulse(desk, service)
