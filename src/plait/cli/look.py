"""What a finished run says: figures, comparisons, reasons, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plait.cli.frame import AsJson, RunArgument, app, explain, give, say

__all__ = ["compare", "conflicts", "evaluate", "front_of_runs", "predict", "suggest", "why_an_item"]


@app.command()
def evaluate(
    run: RunArgument,
    table: Annotated[Path | None, typer.Option(help="Other rows: a Parquet, CSV or JSON-lines file.")] = None,
    of: Annotated[str | None, typer.Option(help="Which table of the recipe the rows belong to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print a run's report again, or measure it on other rows.  Example: plait evaluate runs/first --table new.parquet"""
    from plait.run.evaluate import evaluate as run_evaluate

    lines, data = run_evaluate(run, table, of)
    give(lines, data, as_json)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    as_json: AsJson = False,
) -> None:
    """Set runs side by side.  Example: plait compare runs/mmoe runs/ple"""
    from plait.run.evaluate import compare as run_compare

    lines, data = run_compare(runs)
    give(lines, data, as_json)


@explain.command()
def conflicts(
    run: RunArgument,
    batches: Annotated[
        int, typer.Option(help="Try a step for each task with the finished model, on so many pairs of batches.", min=0)
    ] = 0,
    rate: Annotated[float | None, typer.Option(help="Learning rate of these steps.", show_default="the recipe's")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a page with the pictures: FILE.html.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which tasks pull apart, where and since when.  Example: plait explain conflicts runs/first --out why.html

    Prints what was recorded while the run was trained: angles between the tasks' gradients by part of the model, what a step
    for one task does to the loss of another, and how experts are used. With --batches the steps are tried again with the
    finished model; on held-out rows they then say little, since training stopped where they no longer helped.
    """
    from plait.run.explain import conflicts as run_conflicts

    lines, data = run_conflicts(run, batches, rate, out)
    give(lines, data, as_json)
    if out is not None:
        say(f"Wrote {out}")


@explain.command("item")
def why_an_item(
    run: RunArgument,
    user: Annotated[str, typer.Option(help="Id of the user.")],
    item: Annotated[str, typer.Option(help="Id of the item.")],
    task: Annotated[str | None, typer.Option(help="One task.", show_default="all")] = None,
    as_json: AsJson = False,
) -> None:
    """Say why a user would be shown an item.  Example: plait explain item runs/first --user 15 --item 50

    For each task: the score, what each feature and each earlier item adds to it (the score with it, less the score
    without), and the fewest of them without which the score would be on the other side of the average. RUN may be a bundle.
    """
    from plait.serve.explained import explain_item

    lines, data = explain_item(run, user, item, task)
    give(lines, data, as_json)


@explain.command("front")
def front_of_runs(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    tasks: Annotated[str, typer.Option(help="Two tasks: like,stars.", metavar="A,B")],
    part: Annotated[str, typer.Option(help="test, with intervals; or valid, to choose by.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Write the picture: FILE.html or FILE.svg.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Set two tasks of several runs against each other.  Example: plait explain front runs/a runs/b --tasks like,stars

    Marks the runs that another beats in one of the two and equals or beats in the other; the rest are the Pareto front.
    """
    from plait.run.front_of_runs import front as run_front

    lines, data = run_front(runs, [name.strip() for name in tasks.split(",")], part, out)
    give(lines, data, as_json)
    if out is not None:
        say(f"Wrote {out}")


@app.command()
def predict(
    run: RunArgument,
    table: Annotated[Path, typer.Option(help="Rows to score: a Parquet, CSV or JSON-lines file.")],
    out: Annotated[Path, typer.Option(help="Where the scores go: .parquet or .csv.")],
    of: Annotated[str | None, typer.Option(help="Which table of the recipe the rows belong to.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score rows for every task.  Example: plait predict runs/first --table new.parquet --out scores.parquet"""
    from plait.run.predict import predict_file

    lines, data = predict_file(run, table, out, of)
    give(lines, data, as_json)


@app.command()
def suggest(
    run: RunArgument,
    task: Annotated[str, typer.Option(help="The task that wants labels.")],
    out: Annotated[Path, typer.Option(help="Where the list goes: .parquet or .csv.")],
    table: Annotated[
        Path | None, typer.Option(help="Rows to choose from: a file.", show_default="the run's without a label")
    ] = None,
    count: Annotated[int, typer.Option(help="How many rows.", min=1)] = 100,
    by: Annotated[str, typer.Option(help="entropy, margin, least_confident, diverse or badge.")] = "badge",
    as_json: AsJson = False,
) -> None:
    """List the rows most worth labelling.  Example: plait suggest runs/first --task like --table new.csv --out next.csv"""
    from plait.run.suggest import suggest_file

    give(*suggest_file(run, task, table, out, count, by), as_json)
