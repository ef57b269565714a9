"""Requests at set times, whether or not earlier ones were answered (an open loop), over plain sockets.

A closed loop waits for the answer before it asks again, so a slow service is asked less and looks well. Here each request
has its due time; how long it took counts from then, so that whatever stood in its way is part of it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvloop

__all__ = ["Answered", "Load", "closed", "offered", "post"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one request.

    Attributes:
        due: when it should have been sent, on the clock of `time.perf_counter`.
        late: seconds by which it was sent later than that: the fault of whoever asks.
        seconds: from its due time to the end of the answer.
        status: of the answer; 0 where there was none.
        sent: whether it was written into an open connection: where not, the connection was refused.
        retry: whether the answer said when to come again.
        body: of the answer.
    """

    due: float
    late: float
    seconds: float
    status: int
    sent: bool
    retry: bool
    body: bytes


@dataclass
class Load:
    """What became of many requests."""

    answers: list[Answered] = field(default_factory=list)

    def statuses(self) -> dict[int, int]:
        """Count the answers by their status."""
        found: dict[int, int] = {}
        for answer in self.answers:
            found[answer.status] = found.get(answer.status, 0) + 1
        return dict(sorted(found.items()))

    def of(self, status: int, since: float = 0.0) -> list[Answered]:
        """Return the answers of one status that were due after some moment."""
        return [answer for answer in self.answers if answer.status == status and answer.due >= since]

    def quantile(self, share: float, status: int = 200) -> float:
        """Return the time within which a share of the answers of a status came."""
        found = [answer.seconds for answer in self.of(status)]
        return float(np.quantile(found, share)) if found else float("inf")

    def per_second(self, status: int = 200) -> float:
        """Return how many answers of a status there were in a second between the first and the last due time."""
        due = [answer.due for answer in self.answers]
        return len(self.of(status)) / max(max(due) - min(due), 1e-9)

    def late(self, share: float = 0.99) -> float:
        """Return by how much requests were sent too late."""
        return float(np.quantile([answer.late for answer in self.answers], share))


def post(path: str, asked: dict[str, Any], key: str = "") -> bytes:
    """Write a request with a body of JSON."""
    body = json.dumps(asked).encode()
    more = f"Authorization: Bearer {key}\r\n" if key else ""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{more}"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def offered(address: str, asked: Sequence[bytes], rate: float, seconds: float, seed: int = 0, most: int = 1_000) -> Load:
    """Offer requests at random moments, as many people who know nothing of each other do.

    Args:
        address: of the service.
        asked: whole requests, in turns.
        rate: requests per second.
        seconds: for how long.
        seed: of the moments.
        most: connections at a time; a request that finds none free waits, and its time runs.
    """
    moments = np.cumsum(np.random.default_rng(seed).exponential(1 / rate, max(1, round(rate * seconds))))
    return uvloop.run(_offered(address, asked, moments.tolist(), most))


def closed(address: str, asked: Sequence[bytes], callers: int, seconds: float) -> Load:
    """Let some callers ask, each again as soon as it was answered: that many a second are its capacity."""
    return uvloop.run(_closed(address, asked, callers, seconds))


class _Connection(asyncio.Protocol):
    """One connection, which has one request under way."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[tuple[int, bool, bytes]] | None = None
        self._read = bytearray()
        self.transport: Any = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bool, bytes]]:
        self._read.clear()
        self._waiting = asyncio.get_running_loop().create_future()
        if self.lost:
            self._waiting.set_result((0, False, b""))
        else:
            self.transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._read[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._read) < end + 4 + length:
            return
        if b"connection: close" in head:
            self.lost = True
        self._tell((int(head[9:12]), b"retry-after:" in head, bytes(self._read[end + 4 :])))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._tell((0, False, b""))

    def _tell(self, said: tuple[int, bool, bytes]) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(said)


class _Callers:
    """Connections that are open and free."""

    def __init__(self, address: str, most: int) -> None:
        place = urlsplit(address)
        self._host, self._port = place.hostname or "", place.port or 80
        self._free: list[_Connection] = []
        self._places = asyncio.Semaphore(most)

    async def ask(self, request: bytes, due: float) -> Answered:
        async with self._places:
            begun, sent = time.perf_counter(), False
            try:
                connection = await self._connection()
                sent = True
                status, retry, body = await connection.ask(request)
                if not connection.lost:
                    self._free.append(connection)
            except OSError:
                status, retry, body = 0, False, b""
            return Answered(due, begun - due, time.perf_counter() - due, status, sent, retry, body)

    async def _connection(self) -> _Connection:
        while self._free:
            found = self._free.pop()
            if not found.lost:
                return found
        _, made = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        return made

    def close(self) -> None:
        for connection in self._free:
            connection.transport.close()


async def _offered(address: str, asked: Sequence[bytes], moments: list[float], most: int) -> Load:
    callers, tasks = _Callers(address, most), []
    start = time.perf_counter()
    for number, moment in enumerate(moments):
        while (left := start + moment - time.perf_counter()) > 0:
            await asyncio.sleep(left)
        tasks.append(asyncio.ensure_future(callers.ask(asked[number % len(asked)], start + moment)))
        if not number % 16:
            await asyncio.sleep(0)
    answers = await asyncio.gather(*tasks)
    callers.close()
    return Load(list(answers))


async def _closed(address: str, asked: Sequence[bytes], callers: int, seconds: float) -> Load:
    connections, answers = _Callers(address, callers), []
    end = time.perf_counter() + seconds

    async def call(first: int) -> None:
        number = first
        while (now := time.perf_counter()) < end:
            answers.append(await connections.ask(asked[number % len(asked)], now))
            number += callers

    await asyncio.gather(*(call(number) for number in range(callers)))
    connections.close()
    return Load(answers)
