"""Cells of a picture or sound column: paths, bytes, or both as Hugging Face datasets write them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat
from plait.errors import DataError

__all__ = ["Cells", "Origin", "folder_of", "read_cells", "state_of"]

Origin = Path | bytes
"""Where a content comes from: a file, or the cell itself."""
_URL: Final = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_GLOB: Final = re.compile(r"[*?\[]")


@final
@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a column, each different one once."""

    origins: list[Origin]
    places: npt.NDArray[np.int64]
    """Row -> its place among `origins`, -1 where the cell is empty."""

    def row(self, place: int) -> int:
        """Return the first row (from 1) that holds the origin at a place."""
        return _first(self.places, place)


def folder_of(source: str | None, base: Path) -> Path:
    """Return the folder that relative paths in a table start from: where its file lies.

    Args:
        source: the table's `source`: a file, a folder, a glob, or a database URL.
        base: the folder that relative sources start from.
    """
    if source is None:
        return base
    if "://" in source:
        inner = source.partition("://")[2].partition("#")[0].lstrip("/")
        return (base / inner).parent if (base / inner).is_file() else base
    path = base / source
    if path.is_dir():
        return path
    found = path.parent
    while _GLOB.search(str(found)):
        found = found.parent
    return found


def read_cells(name: str, column: pa.Array | pa.ChunkedArray, folder: Path | None, kind: str) -> Cells:
    """Read where the content of each row comes from.

    A text is a path, or a `data:` URL that carries the content itself; bytes are the content; a struct of `bytes` and `path`
    is its bytes, or where there are none its path.

    Args:
        name: `table.column`, for messages.
        column: the cells.
        folder: what relative paths start from; None where no file may be read.
        kind: `image` or `audio`, for messages.

    Raises:
        DataError: if the column holds something else, a URL, or a path where no file may be read.
    """
    values = flat(column)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_struct(values.type):
        named = [values.type.field(i).name for i in range(values.type.num_fields)]
        if "bytes" not in named:
            raise DataError(
                f"`{name}` is read as {kind} and should hold paths, bytes, or structs of `bytes` and `path`. Found structs "
                f"of {named}. Write the bytes as a column of their own."
            )
        inside = read_cells(name, pc.struct_field(values, "bytes"), folder, kind)
        if "path" not in named:
            return inside
        paths = pc.if_else(pa.array(inside.places < 0), pc.struct_field(values, "path"), pa.scalar(None, pa.string()))
        outside = read_cells(name, paths, folder, kind)
        moved = np.where(outside.places >= 0, outside.places + len(inside.origins), inside.places)
        return Cells([*inside.origins, *outside.origins], moved)
    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type) or pa.types.is_null(values.type)
    binary = pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
    if not (text or binary):
        raise DataError(
            f"`{name}` is read as {kind} and should hold paths, bytes, or structs of `bytes` and `path`. Found "
            f"{values.type}. Correct the column, or leave it out with `ignore`."
        )
    trimmed = pc.utf8_trim_whitespace(values.cast(pa.large_string())) if text else values.cast(pa.large_binary())
    size = pc.fill_null(pc.binary_length(trimmed), 0)
    encoded = pc.if_else(pc.greater(size, 0), trimmed, pa.scalar(None, trimmed.type)).dictionary_encode()
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    found = encoded.dictionary.to_pylist()
    if binary:
        return Cells(found, places)
    return Cells([_of_text(name, t, folder, kind, partial(_first, places, i)) for i, t in enumerate(found)], places)


def state_of(cells: Cells) -> str:
    """Hash which files a column names and how they are: path, size, time of change. Contents in the cells do not count."""
    found = hashlib.sha256()
    for part in _states(cells.origins):
        found.update(part.encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _states(origins: list[Origin]) -> Iterator[str]:
    for origin in origins:
        if isinstance(origin, Path):
            try:
                about = origin.stat()
            except (OSError, ValueError):
                yield f"{origin}\0none\0"
            else:
                yield f"{origin}\0{about.st_size}\0{about.st_mtime_ns}\0"


def _first(places: npt.NDArray[np.int64], place: int) -> int:
    return int(np.argmax(places == place)) + 1


def _of_text(name: str, text: str, folder: Path | None, kind: str, row: Callable[[], int]) -> Origin:
    if text[:5].lower() == "data:":
        return _carried(text)
    if _URL.match(text):
        raise DataError(
            f"`{name}` is read as {kind} and should hold paths or bytes, because nothing is downloaded while tables are "
            f"read. Found the URL `{text:.80}` in row {row()}. Download the files and write their paths."
        )
    if folder is None:
        raise DataError(
            f"`{name}` should hold the bytes of each {kind}, or a `data:` URL with them, because no file may be read here. "
            f"Found the path `{text:.80}` in row {row()}. Send the content itself, or say with `files` where paths start."
        )
    return folder / text


def _carried(url: str) -> bytes:
    """Return what a `data:` URL carries; nothing where it is damaged, which no decoder can read."""
    head, _, body = url.partition(",")
    if not head.lower().endswith(";base64"):
        return b"\0"
    try:
        return base64.b64decode(body, validate=True) or b"\0"
    except (binascii.Error, ValueError):
        return b"\0"
