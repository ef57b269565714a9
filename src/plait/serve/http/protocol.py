"""How a request is read off the wire: with a limit on what comes before its body."""

from __future__ import annotations

from typing import Final, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["CarefulProtocol"]

_HEAD: Final = 64 * 1024


@final
class CarefulProtocol(HttpToolsProtocol):
    """Hangs up on who sends headers without end: the reader in C would keep them all."""

    _head: int = 0

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._head += len(data)
        if self._head > _HEAD and not self._in_body():
            self.transport.close()
            return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Begin to count anew for the next request of the connection."""
        self._head = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Begin to count anew: what came so far was a body."""
        self._head = 0
        super().on_message_complete()

    def _in_body(self) -> bool:
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete
