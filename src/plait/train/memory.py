"""Memory that one step frees is kept for the next."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["kept_memory"]

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGEST: Final = 32 << 20
"""What the C library takes at most for blocks of its heap; larger ones go back to the system when freed, as they should."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Let the C library keep what is freed, and give it back after.

    Every step allocates and frees the same large tensors. The C library hands such memory back to the system each time, and
    the system clears and maps thousands of pages anew in the next step: 8 to 10 % of an MMoE's step on two cores. Where the
    library is not glibc, nothing happens.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, _LARGEST)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        # Twice the largest block is where glibc's own adaptive threshold ends.
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is glibc."""
    try:
        known = (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError, AttributeError):
        return None
    return ctypes.CDLL(None) if known else None
