"""The bytes behind a cell, and why there are none."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from plait.data.media.cells import Origin

__all__ = ["Unread", "read_content"]


@final
@dataclass(frozen=True, slots=True)
class Unread:
    """Why a picture or sound was not read."""

    reason: str
    """A few words that count alike: `no such file`, `damaged`."""
    detail: str = ""
    """What the decoder said."""


def read_content(origin: Origin, most: int) -> bytes | Unread:
    """Read the bytes behind a cell.

    Args:
        origin: a file, or the bytes themselves.
        most: bytes above which nothing is read.
    """
    too_large = Unread(f"larger than {most >> 20} MiB")
    if isinstance(origin, bytes):
        return origin if len(origin) <= most else too_large
    try:
        about = origin.stat()
        if not stat.S_ISREG(about.st_mode):
            return Unread("no file but a folder or device")
        if about.st_size > most:
            return too_large
        return origin.read_bytes()
    except FileNotFoundError:
        return Unread("no such file")
    except (OSError, ValueError) as error:
        return Unread("no file that can be opened", str(error))
