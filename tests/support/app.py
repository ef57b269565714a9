"""The whole application of a run, as `plait serve` makes it, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from plait.experiment import EventStore
    from plait.run.run import Run
    from plait.serve.browse import Browse


def app_of(run: Run, store: EventStore | None = None, browse: Browse | None = None) -> FastAPI:
    """Return the application that answers with a run."""
    from plait.export.bundle import load_bundle
    from plait.serve.browse import Browse
    from plait.serve.http.app import create_app
    from plait.serve.http.desk import Desk
    from plait.serve.service import Service

    return create_app(browse or Browse(run), Service(load_bundle(run.folder), store), Desk(store=store))
