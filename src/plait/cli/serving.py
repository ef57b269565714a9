"""A run as a service."""

from __future__ import annotations

from typing import Annotated

import typer

from plait.cli.finishing import open_page
from plait.cli.frame import Port, RunArgument, app

__all__ = ["serve"]


@app.command()
def serve(
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the page has no login, so keep it on this machine.")
    ] = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Open the page of a run.  Example: plait serve runs/first"""
    open_page(run, host, port)
