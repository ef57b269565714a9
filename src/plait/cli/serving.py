"""A run or a bundle as a service, and keys for those who may ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from plait.cli.frame import AsJson, Port, app, give, say

__all__ = ["key", "serve"]

Served = Annotated[Path, typer.Argument(help="A run, or a bundle as `plait export` leaves it.", metavar="RUN_OR_BUNDLE")]


@app.command()
def serve(
    folder: Served,
    host: Annotated[str, typer.Option(help="Address to listen on; one that others reach wants --keys.")] = "127.0.0.1",
    port: Port = 8000,
    keys: Annotated[Path | None, typer.Option(help="File of keys, as `plait key` makes it.")] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where feedback is kept: a file, or postgresql://USER:PASSWORD@HOST/DATABASE. Better in the environment.",
            envvar="PLAIT_STORE",
            show_envvar=True,
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that answer; one for each core.", min=1, max=256)] = 1,
    queue: Annotated[int, typer.Option(help="Requests of a worker that may wait; the next is answered 429.", min=1)] = 16,
    patience: Annotated[float, typer.Option(help="Seconds a request may wait before it is begun.", min=0.01)] = 2.0,
    body: Annotated[int, typer.Option(help="Bytes a body may have.", min=1024)] = 2**20,
    allowed: Annotated[
        float, typer.Option(help="How much worse a figure of a new model may be: 0.02 is 2 %.", min=0)
    ] = 0.02,
    log: Annotated[
        Literal["problems", "requests"], typer.Option(help="What is written to the error stream, as JSON lines.")
    ] = "problems",
) -> None:
    """Answer with a run or a bundle, and open its pages.  Example: plait serve runs/first"""
    from plait.serve.http.door import Limits
    from plait.serve.http.server import run_server
    from plait.serve.http.worker import Options

    limits = Limits(waiting=queue, patience=patience, body=body)
    run_server(folder, host, port, Options(keys, store, workers, limits, log, allowed))


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="File of keys; made where there is none.", metavar="FILE")],
    name: Annotated[str, typer.Argument(help="What its holder is called, in logs.", metavar="NAME")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read: ask (the default). write: feedback and items. admin: the model. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for `plait serve --keys`; only its hash is kept.  Example: plait key keys.txt shop --scope write"""
    from plait.serve.http.keys import new_key

    scopes = scope or ["read"]
    made = new_key(file, name, scopes)
    give([made], {"name": name, "scopes": scopes, "key": made}, as_json)
    say(f"This is the only time it is shown; {file} holds its hash. Send it as `Authorization: Bearer KEY`.")
