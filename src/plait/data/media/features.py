"""Which features are pictures or sounds, what reads each, and how their files are."""

from __future__ import annotations

from pathlib import Path

from plait.data.engine import Engine
from plait.data.media.cells import folder_of, read_cells, state_of
from plait.data.media.medium import MediaEncoders, Medium
from plait.errors import RecipeError
from plait.schema import Audio, Image, Schema

__all__ = ["media_state", "medium_of"]


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
