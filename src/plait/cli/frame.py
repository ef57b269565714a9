"""What every command shares: the program, its common options, and how it speaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "Changes", "Port", "RecipeArgument", "RunArgument", "app", "encoder", "explain", "give", "say"]

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
