"""How fast, and how good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plait.cli.frame import AsJson, app, give

__all__ = ["bench"]


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="speed: of this machine. methods: how good each method is.")] = "speed",
    quick: Annotated[bool, typer.Option("--quick", help="speed: small sizes, a few minutes.")] = False,
    out: Annotated[Path, typer.Option(help="methods: where tables and results go; what is there is not run again.")] = Path(
        "runs/methods"
    ),
    data: Annotated[Path | None, typer.Option(help="methods: the folder of data that do not come by themselves.")] = None,
    grounds: Annotated[list[str] | None, typer.Option(help="methods: on which data. Repeatable.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="methods: which, besides the baseline. Repeatable.")] = None,
    seeds: Annotated[int, typer.Option(help="methods: how many seeds.", min=1)] = 5,
    page: Annotated[Path | None, typer.Option(help="methods: the page.", show_default="OUT/benchmarks.md")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure speed, or compare methods.  Example: plait bench --quick

    `plait bench` trains on a generated table and says which share of the machine's limit that is. `plait bench methods` runs
    every way to share and to balance on the same data over several seeds.
    """
    if what not in ("speed", "methods"):
        raise typer.BadParameter(f"should be `speed` or `methods`. Found `{what}`.", param_hint="WHAT")
    if what == "methods":
        from plait.run.methods import bench_methods
        from plait.run.progress import progress

        with progress() as tell:
            lines, result = bench_methods(out, data, grounds or [], only or [], seeds, page, tell)
        give(lines, result, as_json)
        return
    from plait.run.bench import bench as run_bench

    lines, found = run_bench(quick)
    give(lines, found, as_json)
