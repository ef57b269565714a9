"""The application of one model: pages for people, the same answers as JSON under `/v1`."""

from __future__ import annotations

from fastapi import FastAPI

from plait import __version__
from plait.serve.browse import Browse
from plait.serve.http.admin import add_admin
from plait.serve.http.api import add_interface
from plait.serve.http.asks import add_asks
from plait.serve.http.desk import Desk
from plait.serve.http.errors import add_errors
from plait.serve.http.health import add_health
from plait.serve.http.inference import add_inference
from plait.serve.page_routes import add_pages
from plait.serve.render import Renderer
from plait.serve.service import Service

__all__ = ["create_app"]


def create_app(browse: Browse, desk: Desk | None = None, service: Service | None = None) -> FastAPI:
    """Return the application for one model.

    Args:
        browse: what the pages show.
        desk: what the models of a process share; a plain one where None.
        service: what answers programs; the pages alone where None.
    """
    desk = desk or Desk()
    # The built-in documentation pages load scripts from an outside host.
    app = FastAPI(title=f"Plait: {browse.run.recipe.name}", version=__version__, docs_url=None, redoc_url=None)
    renderer = Renderer(browse.shape, browse.run.recipe.name)
    add_health(app, browse, desk)
    add_interface(app, browse, desk)
    if service is not None:
        add_asks(app, service, desk)
        add_inference(app, service, desk)
    add_admin(app, desk)
    add_pages(app, browse, renderer)
    add_errors(app, renderer)
    return app
