"""A run as a bundle that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plait.cli.frame import AsJson, RunArgument, app, give, say

__all__ = ["export"]


@app.command()
def export(
    run: RunArgument,
    out: Annotated[Path, typer.Option(help="The bundle folder to write.", metavar="BUNDLE")],
    formula: Annotated[
        str | None, typer.Option(help="How the tasks' scores become one when items are ranked: `click^1 * buy^2`.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Products and vectors in whole numbers of 8 bits; says what that costs.")
    ] = False,
    distil: Annotated[
        bool, typer.Option("--distil", help="Teach a small body what the run says of its training rows, and export that.")
    ] = False,
    prune: Annotated[
        float,
        typer.Option(help="Take this share of the body's experts and units out, and teach the rest.", min=0, max=0.95),
    ] = 0.0,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Add machine code that torch compiles; wants a C++ compiler and some minutes.")
    ] = False,
    memory: Annotated[
        float,
        typer.Option(help="Megabytes for what the first layer makes of each item, stored to answer sooner.", min=0),
    ] = 256,
    loss: Annotated[
        float, typer.Option(help="Which share of a task's metric may be lost by making the bundle smaller.", min=0, max=1)
    ] = 0.01,
    as_json: AsJson = False,
) -> None:
    """Write a run as a bundle that serves fast.  Example: plait export runs/first --out bundles/first

    Rows are encoded once, the model becomes ONNX graphs, and both are compared with the run before anything is written.
    """
    from plait.export.command import export_command
    from plait.export.options import Options

    if formula is not None:
        from plait.run.run import load
        from plait.serve.ask.worth import check_formula

        check_formula(load(run), formula)
    lines, data = export_command(run, out, Options(formula, int8, compiled, distil, prune, loss, memory))
    give(lines, data, as_json)
    say(f"\nNext: plait serve {out}")
