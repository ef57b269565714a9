"""The application of one model: pages for people, the same answers as JSON under `/v1`."""

from __future__ import annotations

from fastapi import FastAPI

from plait import __version__
from plait.serve.browse import Browse
from plait.serve.http.admin import add_admin
from plait.serve.http.api import add_interface
from plait.serve.http.desk import Desk
from plait.serve.http.errors import add_errors
from plait.serve.http.health import add_health
from plait.serve.page_routes import add_pages
from plait.serve.render import Renderer

__all__ = ["create_app"]


def create_app(service: Browse, desk: Desk | None = None) -> FastAPI:
    """Return the application for one model.

    Args:
        service: what the pages show.
        desk: what the models of a process share; a plain one where None.
    """
    desk = desk or Desk()
    # The built-in documentation pages load scripts from an outside host.
    app = FastAPI(title=f"Plait: {service.run.recipe.name}", version=__version__, docs_url=None, redoc_url=None)
    renderer = Renderer(service.shape, service.run.recipe.name)
    add_health(app, service, desk)
    add_interface(app, service, desk)
    add_admin(app, desk)
    add_pages(app, service, renderer)
    add_errors(app, renderer)
    return app
