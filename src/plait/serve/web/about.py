"""The pages about the model: its tasks, the runs beside it, its data, and how the service is doing."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import Response

from plait.serve.http.pulse import pulse
from plait.serve.inventory import inventory
from plait.serve.web import charts
from plait.serve.web.look import look_of
from plait.serve.web.views import Views
from plait.serve.web.words import translated

__all__ = ["add_about"]


def add_about(app: FastAPI, views: Views) -> None:
    """Add the pages about the model."""
    _add_learned(app, views)
    _add_status(app, views)


def _add_learned(app: FastAPI, views: Views) -> None:
    browse = views.browse

    @app.get("/tasks", include_in_schema=False)
    def tasks(request: Request) -> Response:
        report, figures = browse.run.report, browse.run.figures
        say = partial(translated, look_of(request).language)
        return views.page(
            request,
            "tasks.html",
            report=report,
            gains=charts.gains(report, say),
            curves=charts.curves(report, figures, say),
            losses=charts.losses(figures, say),
            calibrations=charts.calibrations(report, figures, say),
            conflicts=[
                chart
                for chart in (charts.cosines(figures.cosine, list(report.tasks), say), charts.pulls(figures.transfer, say))
                if chart is not None
            ],
            experts=charts.experts(figures.gates, say),
            weights=charts.weights(figures, say),
        )

    @app.get("/runs", include_in_schema=False)
    def runs(request: Request) -> Response:
        told = views.siblings.told()
        return views.page(request, "runs.html", told=told, tasks=list(browse.run.report.tasks))

    @app.get("/data", include_in_schema=False)
    def data(request: Request) -> Response:
        return views.page(request, "data.html", data=inventory(browse.run, list(browse.shape.tables)))


def _add_status(app: FastAPI, views: Views) -> None:
    @app.get("/status", include_in_schema=False)
    def status(request: Request) -> Response:
        look = look_of(request)
        template = "status_part.html" if look.part else "status.html"
        return views.page(request, template, pulse=pulse(views.desk, views.service))
