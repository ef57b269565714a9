"""Checks of pictures and sounds: files that are not there, damaged ones, URLs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from plait.data.check.context import Context
from plait.data.check.finding import Finding, Status
from plait.data.media.cells import Cells, folder_of, read_cells
from plait.data.media.content import Unread, read_content
from plait.data.media.pictures import decode_picture
from plait.data.media.sounds import decode_sound
from plait.data.media.vectors import failures
from plait.errors import PlaitError
from plait.schema import Audio, Image

__all__ = ["check_media"]

_LOOK: Final = 1000
_MOST: Final = 256 << 20


def check_media(context: Context) -> Iterator[Finding]:
    """Check that pictures and sounds can be read; of many, evenly spread ones are decoded."""
    for name in context.read_tables():
        for column, feature in context.features_of(name).items():
            if isinstance(feature, Image | Audio):
                yield _media_finding(context, name, column, feature)


def _media_finding(context: Context, table: str, column: str, feature: Image | Audio) -> Finding:
    word = "picture" if isinstance(feature, Image) else "sound"
    try:
        folder = folder_of(context.schema.tables[table].source, context.base)
        cells = read_cells(f"{table}.{column}", context.column(table, column), folder, feature.kind)
        looked = np.unique(np.linspace(0, len(cells.origins) - 1, min(len(cells.origins), _LOOK)).round().astype(int))
        with ThreadPoolExecutor(2) as pool:
            read = list(pool.map(lambda place: _readable(cells, place, feature), looked.tolist()))
    except PlaitError as error:
        return Finding("FAIL", "media", table, column, str(error))
    # Only those that were looked at are counted.
    seen = Cells(cells.origins, np.where(np.isin(cells.places, looked), cells.places, -1))
    found = failures(seen, {place: why for place, why in zip(looked.tolist(), read, strict=True) if why is not None})
    rows, empty = len(cells.places), int((cells.places < 0).sum())
    some = (
        f", {len(looked):,} of {len(cells.origins):,} different ones looked at" if len(looked) < len(cells.origins) else ""
    )
    if rows and empty == rows:
        return Finding("FAIL", "media", table, column, f"should hold {word}s. Found none in any row; write `ignore`.")
    if not found.failed:
        missing = f"; {empty:,} rows have none" if empty else ""
        return Finding("PASS", "media", table, column, f"{rows - empty:,} {word}s, all can be read{missing}{some}")
    condition = " OR ".join(f"row = {row}" for row, _ in list(found.examples.values())[:3])
    shown = context.examples(table, condition, column)
    status: Status = "FAIL" if found.failed == found.rows else "WARN"
    return Finding(status, "media", table, column, f"{found.say(word)}{some}", shown)


def _readable(cells: Cells, place: int, feature: Image | Audio) -> Unread | None:
    """Say why a picture or sound cannot be read; None where it can."""
    content = read_content(cells.origins[place], _MOST)
    if isinstance(content, Unread):
        return content
    decoded = decode_picture(content, 32, 1.0) if isinstance(feature, Image) else decode_sound(content, 8000, 1.0)
    return decoded if isinstance(decoded, Unread) else None
