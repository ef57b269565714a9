"""What a column looks like: file names of pictures or sounds, or their bytes."""

from __future__ import annotations

from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Look", "look_of"]

Look = Literal["", "image", "audio", "image url", "audio url"]

_ENDINGS: Final = {"image": r"(jpe?g|png|webp|gif|bmp|tiff?|avif|ppm)", "audio": r"(wav|flac|ogg|oga|opus|mp3|aiff?)"}
_PICTURES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P6", b"P5")
_SOUNDS: Final = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"FORM")
_SOME: Final = 64
_MOST: Final = 0.9


def look_of(column: pa.ChunkedArray) -> Look:
    """Say whether a column names or holds pictures or sounds, by the endings or the first bytes of some of its values."""
    kind = column.type
    if pa.types.is_struct(kind):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        inside = look_of(pc.struct_field(column, "bytes")) if "bytes" in names else ""
        return inside or (look_of(pc.struct_field(column, "path")) if {"bytes", "path"} <= {*names} else "")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _of_bytes(column.drop_null()[:_SOME])
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _of_names(pc.utf8_trim_whitespace(column.drop_null()[:10_000]))
    return ""


def _of_bytes(some: pa.ChunkedArray) -> Look:
    starts = [bytes(value.as_py()[:16]) for value in some]
    if not starts:
        return ""
    pictures = sum(start.startswith(_PICTURES) or start[8:12] == b"WEBP" or start[4:8] == b"ftyp" for start in starts)
    sounds = sum(start.startswith(_SOUNDS) or start[8:12] == b"WAVE" for start in starts)
    if pictures >= _MOST * len(starts):
        return "image"
    return "audio" if sounds >= _MOST * len(starts) else ""


def _of_names(some: pa.ChunkedArray) -> Look:
    filled = some.filter(pc.greater(pc.utf8_length(some), 0))
    if len(filled) == 0:
        return ""

    def share(pattern: str) -> float:
        return float(pc.sum(pc.match_substring_regex(filled, pattern, ignore_case=True)).as_py()) / len(filled)

    url = share(r"^[a-z][a-z0-9+.-]+://") >= _MOST
    if share(rf"\.{_ENDINGS['image']}([?#].*)?$") >= _MOST or share(r"^data:image/") >= _MOST:
        return "image url" if url else "image"
    if share(rf"\.{_ENDINGS['audio']}([?#].*)?$") >= _MOST or share(r"^data:audio/") >= _MOST:
        return "audio url" if url else "audio"
    return ""
