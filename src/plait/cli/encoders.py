"""Text encoders of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plait.cli.frame import AsJson, encoder, give

__all__ = ["encoder_new"]


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
