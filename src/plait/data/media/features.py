"""Which features are pictures or sounds, what reads each, and how their files are."""

from __future__ import annotations

from pathlib import Path

from plait.data.engine import Engine
from plait.data.media.cells import folder_of, read_cells, state_of
from plait.data.media.medium import MediaEncoders, Medium
from plait.data.media.thumbnails import write_thumbnails
from plait.errors import RecipeError
from plait.schema import Audio, Image, Schema

__all__ = ["keep_pictures", "media_state", "medium_of"]


def medium_of(name: str, feature: Image | Audio, media: MediaEncoders | None) -> Medium:
    """Return what reads a feature.

    Args:
        name: `table.column`.
        feature: how it is read.
        media: the encoders there are.

    Raises:
        RecipeError: if there is none for this kind.
    """
    medium = None if media is None else media.medium(feature.kind)
    if medium is None:
        raise RecipeError(
            f"Feature `{name}` is {feature.kind} and needs an encoder. Pass one as `media`, or leave the column out with "
            f"`ignore`."
        )
    return medium


def media_state(engine: Engine, schema: Schema, base: Path, media: MediaEncoders) -> dict[str, list[str]]:
    """Say per picture or sound feature what its vectors depend on: the encoder, and the files its cells name.

    Args:
        engine: reads the columns.
        schema: the features.
        base: the folder that relative sources start from.
        media: the encoders there are.
    """
    found = {}
    for name, feature in schema.features.items():
        table, _, column = name.partition(".")
        if isinstance(feature, Image | Audio) and table in schema.tables:
            medium = medium_of(name, feature, media)
            cells = read_cells(name, engine.column(table, column), folder_of(schema.tables[table].source, base), medium.kind)
            found[name] = [medium.fingerprint, state_of(cells)]
    return found


def keep_pictures(engine: Engine, schema: Schema, table: str, files: Path | None, folder: Path) -> None:
    """Keep small pictures of a table's rows, of its first feature that is an image.

    Args:
        engine: reads the column.
        schema: the features.
        table: whose rows.
        files: what relative paths start from.
        folder: the prepared folder.
    """
    columns = (name for name, f in schema.features.items() if isinstance(f, Image) and name.partition(".")[0] == table)
    name = next(columns, None)
    if name is not None:
        write_thumbnails(folder, table, read_cells(name, engine.column(table, name.partition(".")[2]), files, "image"))
