"""A text encoder of one's own, from nothing but texts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, texts
from plait.encode.text.new import PIECES, SHAPES, new_encoder
from plait.errors import DataError, RecipeError, nearest
from plait.run.files import read_rows

__all__ = ["new_encoder_command"]


def new_encoder_command(
    folder: Path, sources: list[str], size: str, pieces: str, vocabulary: int, seed: int
) -> tuple[list[str], object]:
    """Learn a tokenizer from columns of tables and write an encoder with fresh weights.

    Args:
        folder: is made; should hold nothing.
        sources: `FILE:COLUMN`, one or more.
        size: of the encoder.
        pieces: what a token is.
        vocabulary: how many different tokens there are at most.
        seed: of the weights.

    Returns:
        Lines for people, and the same as data.

    Raises:
        RecipeError: the folder holds something, or a source is written otherwise.
        DataError: a table has no such column, or no text in it.
    """
    if size not in SHAPES or pieces not in PIECES:
        raise RecipeError(
            f"`--size` should be one of {', '.join(SHAPES)}, `--pieces` one of {', '.join(PIECES)}. Found `{size}` and "
            f"`{pieces}`."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RecipeError(
            f"`{folder}` should be a new folder, since an encoder is written into it. Found one. Name another."
        )
    read = [text for source in sources for text in _texts(source)]
    tokens, weights = new_encoder(folder, read, size, pieces, vocabulary, seed)
    shape = SHAPES[size]
    lines = [
        f"{folder}: {tokens:,} tokens learned from {len(read):,} texts; {shape.layers} layers of width {shape.width}, "
        f"{weights:,} weights that have learned nothing yet",
        f"In a recipe: `model: {{text: {{model: {folder}, tune: full}}}}`, and a task of kind masked that trains it",
    ]
    return lines, {"folder": str(folder), "texts": len(read), "tokens": tokens, "weights": weights, "size": size}


def _texts(source: str) -> list[str]:
    """Read the texts of `FILE:COLUMN`, without blank ones."""
    path, colon, column = source.rpartition(":")
    if not colon or not path or not column:
        raise RecipeError(f"`--texts` should be FILE:COLUMN, such as reviews.parquet:text. Found `{source}`.")
    rows = read_rows(Path(path))
    if column not in rows.column_names:
        near = nearest(column, rows.column_names)
        raise DataError(f"`{path}` should have a column `{column}`. Found {', '.join(rows.column_names)}.{near}")
    values = flat(rows.column(column))
    if pa.types.is_nested(values.type):
        raise DataError(f"Column `{column}` of `{path}` should hold texts. Found {values.type}.")
    words = pc.utf8_trim_whitespace(texts(values)).drop_null()
    found: list[str] = words.filter(pc.not_equal(words, "")).to_pylist()
    if not found:
        raise DataError(f"Column `{column}` of `{path}` should hold texts. Found none that is not blank.")
    return found
