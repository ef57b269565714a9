"""Bodies over the limit are refused before they are read."""

from __future__ import annotations

import time
from typing import Final, final

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

__all__ = ["Body", "discard", "too_large"]

_DISCARDED: Final = 8 * 2**20
_SECONDS: Final = 1.0


def too_large(most: int) -> str:
    """Say that a body is over the limit."""
    return f"A body should have at most {most} bytes. Send fewer rows at a time."


@final
class Body:
    """Reads a body and stops at the limit, for one that came without its length.

    Args:
        receive: where it comes from.
        most: bytes it may have.
    """

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._read = 0

    async def __call__(self) -> Message:
        """Return the next part."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self._most:
                raise HTTPException(413, too_large(self._most), {"Connection": "close"})
        return message


async def discard(receive: Receive) -> None:
    """Let the rest of a refused body pass for a moment, or its sender would lose the answer with the connection."""
    read, end = 0, time.monotonic() + _SECONDS
    while read < _DISCARDED and time.monotonic() < end:
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
