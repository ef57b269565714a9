"""The command line: each command reads its flags and calls one function. Data on stdout, messages on stderr.

Nothing heavy is imported here: `plait --help` answers before torch would have loaded.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, TextIO

import typer

from plait.errors import PlaitError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Plait weaves many recommendation tasks into one model, and says for each whether sharing helped.\n\n"
    "Start with: plait demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

explain = typer.Typer(
    help="Say why: what the tasks of a run do to each other, and what one task costs another.\n\n"
    "Example: plait explain conflicts runs/first",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(explain, name="explain")

encoder = typer.Typer(
    help="Make a text encoder of your own.\n\nExample: plait encoder new encoders/mine --texts reviews.parquet:text",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(encoder, name="encoder")

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
RunArgument = Annotated[Path, typer.Argument(help="A run folder, as `plait train --out` leaves it.", metavar="RUN")]
RecipeArgument = Annotated[Path, typer.Argument(help="A recipe file (YAML).", metavar="RECIPE")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="Override a recipe key: train.epochs=5. Repeatable.")]
Port = Annotated[int, typer.Option(help="Port of the page; 0 picks a free one.", min=0, max=65535)]


def say(text: str) -> None:
    """Print a message for the person at the keyboard."""
    typer.echo(text, err=True)


def give(lines: list[str], data: object, as_json: bool) -> None:
    """Print a result: lines for people, or JSON for programs."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) if as_json else "\n".join(lines))


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
    _finish(run.folder, as_json)
    if serve:
        _serve(run.folder, "127.0.0.1", port)


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
    say(f"Wrote {path}\nNext: plait check {path}\n      plait train {path} --out runs/{folder.resolve().name}")


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
        _finish(out, as_json)


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


@encoder.command("new")
def encoder_new(
    folder: Annotated[Path, typer.Argument(help="The folder to write; it should not exist.", metavar="FOLDER")],
    texts: Annotated[
        list[str], typer.Option(help="What to learn from: a table and its column. Repeatable.", metavar="FILE:COLUMN")
    ],
    size: Annotated[str, typer.Option(help="tiny, small or base: 2, 4 or 6 layers.")] = "small",
    pieces: Annotated[str, typer.Option(help="What a token is: wordpiece, bpe or characters.")] = "wordpiece",
    vocabulary: Annotated[int, typer.Option(help="How many different tokens at most.", min=64)] = 8000,
    seed: Annotated[int, typer.Option(help="Of the weights.", min=0)] = 17,
    as_json: AsJson = False,
) -> None:
    """Write an encoder that has learned nothing yet.  Example: plait encoder new encoders/mine --texts reviews.parquet:text

    Its tokenizer is learned from the texts; a task of kind masked with `model.text.tune: full` then trains its weights.
    Chinese characters are tokens of their own.
    """
    from plait.run.encoder import new_encoder_command

    give(*new_encoder_command(folder, texts, size, pieces, vocabulary, seed), as_json)


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


@app.command()
def serve(
    run: RunArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the page has no login, so keep it on this machine.")
    ] = "127.0.0.1",
    port: Port = 8000,
) -> None:
    """Open the page of a run.  Example: plait serve runs/first"""
    _serve(run, host, port)


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


def _finish(folder: Path, as_json: bool) -> None:
    """Print a finished run: the comparison, and where to look next."""
    from plait.run.evaluate import evaluate as run_evaluate

    lines, data = run_evaluate(folder, None, None)
    give(lines, data, as_json)
    say(f"\nReport: {folder / 'report.html'}")
    say(f"Next:   plait serve {folder}\n        plait predict {folder} --table FILE --out scores.parquet")


def _serve(folder: Path, host: str, port: int) -> None:
    from plait.serve.routes import run_server

    run_server(folder, host, port)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell what Plait warns of as a sentence; other libraries' warnings keep their place in the code."""
    if category is UserWarning and Path(filename).is_relative_to(Path(__file__).parent):
        say(f"warning: {message}")
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def main() -> None:
    """Run the command line; turn every expected failure into one clear message and an exit code."""
    warnings.showwarning = _warn
    try:
        app()
    except PlaitError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EMFILE):
            raise
        what = error.filename or error.strerror
        say(
            f"error: {os.strerror(error.errno)} while writing or reading `{what}`. Nothing complete was lost; "
            "free what is missing and run the same command again (with --resume where it was training)."
        )
        sys.exit(1)
