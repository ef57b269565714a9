"""The first page: what the model is, what sharing did, and where to go."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import Response

from plait.serve.http.pulse import pulse
from plait.serve.web.charts import gains
from plait.serve.web.look import look_of
from plait.serve.web.views import Views
from plait.serve.web.words import translated

__all__ = ["add_overview"]


def add_overview(app: FastAPI, views: Views) -> None:
    """Add the first page."""
    browse = views.browse
    first = browse.home().tables

    @app.get("/", include_in_schema=False)
    def home(request: Request) -> Response:
        say = partial(translated, look_of(request).language)
        rows = browse.table_rows(first[0].name) if browse.shape.users is None and first else None
        return views.page(
            request,
            "home.html",
            home=browse.home(),
            report=browse.run.report,
            chart=gains(browse.run.report, say),
            pulse=pulse(views.desk, views.service),
            rows=rows,
        )
