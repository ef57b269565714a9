"""From tables to a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plait.cli.finishing import finish, open_page
from plait.cli.frame import AsJson, Changes, Port, RecipeArgument, app, give, say

__all__ = ["check", "demo", "front", "init", "train"]


@app.command()
def demo(
    name: Annotated[str, typer.Argument(help="movies, grocery, clothing, insurance or census.")] = "movies",
    out: Annotated[Path | None, typer.Option(help="Where the run goes.", show_default="runs/NAME")] = None,
    serve: Annotated[bool, typer.Option(help="Open the page afterwards.")] = True,
    port: Port = 8000,
    changes: Changes = None,
    as_json: AsJson = False,
) -> None:
    """Do the whole job on built-in data.  Example: plait demo movies

    Prepares real data, trains one model for all tasks and each task alone, compares them with intervals, writes the report
    and opens a page.
    """
    from plait.run.demo import demo as run_demo
    from plait.run.progress import progress

    with progress() as tell:
        run = run_demo(name, out or Path("runs") / name, changes or [], tell)
    finish(run.folder, as_json)
    if serve:
        open_page(run.folder, "127.0.0.1", port)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A folder of Parquet, CSV or JSON-lines tables.", metavar="FOLDER")],
    out: Annotated[Path | None, typer.Option(help="The recipe file.", show_default="FOLDER/recipe.yaml")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing recipe.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at tables and write a recipe for them.  Example: plait init my_tables"""
    from plait.run.start import start

    path, lines, data = start(folder, out, force)
    give(lines, data, as_json)
    name = folder.resolve().stem if folder.is_file() else folder.resolve().name
    say(f"Wrote {path}\nNext: plait check {path}\n      plait train {path} --out runs/{name}")


@app.command()
def check(recipe: RecipeArgument, changes: Changes = None, as_json: AsJson = False) -> None:
    """Check a recipe against its tables; nothing is trained.  Example: plait check recipe.yaml

    One PASS, WARN or FAIL line per check, with example rows. Exit code 1 where something fails.
    """
    from plait.run.start import check_recipe

    lines, data, failed = check_recipe(recipe, changes or [])
    give(lines, data, as_json)
    if failed:
        raise typer.Exit(1)


@app.command()
def train(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option(help="The run folder to write.", metavar="RUN")],
    changes: Changes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    alone: Annotated[bool, typer.Option(help="Train every task alone too, to compare with.")] = True,
    trees: Annotated[
        bool, typer.Option("--trees", help="Add gradient-boosted trees per task as one more baseline.")
    ] = False,
    folds: Annotated[int, typer.Option(help="K-fold cross-validation: K runs and their summary.", min=0, max=100)] = 0,
    as_json: AsJson = False,
) -> None:
    """Train one model for all tasks.  Example: plait train recipe.yaml --out runs/first"""
    from plait.run.folds import train_folds
    from plait.run.job import train as run_train
    from plait.run.progress import progress

    with progress() as tell:
        if folds:
            lines, data = train_folds(recipe, out, folds, changes=changes or [], alone=alone, resume=resume, tell=tell)
        else:
            run_train(recipe, out, changes=changes or [], resume=resume, alone=alone, trees=trees, tell=tell)
    if folds:
        give(lines, data, as_json)
    else:
        finish(out, as_json)


@app.command()
def front(
    recipe: RecipeArgument,
    tasks: Annotated[str, typer.Option(help="The two tasks, such as `like,stars`.")],
    out: Annotated[Path, typer.Option(help="The folder to write: a run per point, front.json, front.html.")],
    points: Annotated[int, typer.Option(help="How many preferences between the two, each one run.", min=1, max=100)] = 5,
    changes: Changes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep finished runs, go on with the interrupted one.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train several preferences between two tasks.  Example: plait front recipe.yaml --tasks like,stars --out runs/front

    Each point is a run, as of `plait train --no-alone`. Dominated points are marked. A smooth maximum follows preferences;
    --set "balance={kind: pareto, method: linear}" takes a weighted sum.
    """
    from plait.run.front import front_command
    from plait.run.progress import progress

    with progress() as tell:
        lines, data = front_command(recipe, out, tasks, points=points, changes=changes or [], resume=resume, tell=tell)
    give(lines, data, as_json)
    say(f"\nPicture: {out / 'front.html'}\nNext:    plait compare {out}/point-*")
