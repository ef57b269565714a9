"""All pages for people."""

from __future__ import annotations

from fastapi import FastAPI

from plait.serve.web.about import add_about
from plait.serve.web.browsing import add_browsing
from plait.serve.web.inspector import add_inspector
from plait.serve.web.look import add_look
from plait.serve.web.overview import add_overview
from plait.serve.web.playground import add_playground
from plait.serve.web.static import add_static
from plait.serve.web.views import Views

__all__ = ["add_pages"]


def add_pages(app: FastAPI, views: Views) -> None:
    """Add the pages, and what a browser loads for them."""
    add_look(app)
    add_static(app)
    add_overview(app, views)
    add_inspector(app, views)
    add_playground(app, views)
    add_about(app, views)
    add_browsing(app, views)
