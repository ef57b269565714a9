"""The application of one model: pages for people, the same answers as JSON under `/v1`."""

from __future__ import annotations

from fastapi import FastAPI

from plait import __version__
from plait.serve.browse import Browse
from plait.serve.http.admin import add_admin
from plait.serve.http.api import add_interface, add_told
from plait.serve.http.asks import add_asks
from plait.serve.http.bodied import BodiedRoute
from plait.serve.http.desk import Desk
from plait.serve.http.errors import add_errors
from plait.serve.http.health import add_health
from plait.serve.http.inference import add_inference
from plait.serve.service import Service
from plait.serve.siblings import Siblings
from plait.serve.web.renderer import Renderer
from plait.serve.web.routes import add_pages
from plait.serve.web.views import Views

__all__ = ["create_app"]


def create_app(browse: Browse, service: Service, desk: Desk | None = None) -> FastAPI:
    """Return the application for one model.

    Args:
        browse: reads the run for the pages.
        service: what answers.
        desk: what the models of a process share; a plain one where None.
    """
    desk = desk or Desk()
    # The built-in documentation pages load scripts from an outside host.
    app = FastAPI(title=f"Plait: {browse.run.recipe.name}", version=__version__, docs_url=None, redoc_url=None)
    app.router.route_class = BodiedRoute
    renderer = Renderer(browse.shape, browse.run.recipe.name)
    siblings = Siblings(desk.models, browse.run.folder)
    add_asks(app, service, desk)  # first, since routes are tried in order, and these are asked most
    add_health(app, browse, desk)
    add_interface(app, browse, service, desk)
    add_told(app, browse, service, desk, siblings)
    add_inference(app, service, desk)
    add_admin(app, desk)
    add_pages(app, Views(browse, service, desk, renderer, siblings))
    add_errors(app, renderer)
    return app
