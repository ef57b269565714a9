"""Items that came after training, told by the worker that was given them to all others, and to every model that comes."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Sized
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

from plait.errors import PlaitError
from plait.serve.ask.events import Events

__all__ = ["Follower", "KeptNewcomers", "Newcomers", "Told"]

_FILE: Final = "items.jsonl"

Row = dict[str, Any]


@runtime_checkable
class Told(Protocol):
    """Where workers are told of new items."""

    def after(self, place: int) -> tuple[list[list[Row]], int]:
        """Return the lots behind a place, and the place behind them."""


@final
class Newcomers:
    """A file on the board, a line for each lot of items: what workers tell each other where there is no store.

    Args:
        folder: of the board.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def tell(self, rows: list[Row]) -> None:
        """Tell all workers of items."""
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(rows, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")

    def after(self, place: int) -> tuple[list[list[Row]], int]:
        """Return the lots behind a place in the file, and the place behind them."""
        try:
            with self._path.open("rb") as file:
                file.seek(place)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return [], place
        # The last line may be half written.
        whole = [line for line in lines if line.endswith(b"\n")]
        return [json.loads(line) for line in whole], place + sum(map(len, whole))


@final
class KeptNewcomers:
    """The items in a store: those of services that ended, and of others beside this one, are among them.

    Args:
        events: the store.
        table: the table of the items.
    """

    def __init__(self, events: Events, table: str) -> None:
        self._events = events
        self._table = table

    def after(self, place: int) -> tuple[list[list[Row]], int]:
        """Return the next lot behind a number of the store, and the number of its last.

        Raises:
            StoreError: the store cannot be read at the moment.
        """
        found = self._events.items(self._table, place)
        return ([[dict(item.row) for _, item in found]], found[-1][0]) if found else ([], place)


@final
class Follower:
    """Adds to one model what any worker was told of.

    Args:
        told: where.
        add: adds those rows that are not there yet, and returns something for each; refuses what this model cannot read.
    """

    def __init__(self, told: Told, add: Callable[[list[Row]], Sized]) -> None:
        self._told = told
        self._add = add
        self._place = 0

    def catch_up(self) -> int:
        """Add what was told since, and return how many rows were new here.

        Raises:
            StoreError: the store cannot be read at the moment.
        """
        new = 0
        while True:
            lots, place = self._told.after(self._place)
            if not lots:
                return new
            new += sum(self._added(lot) for lot in lots)
            self._place = place

    def _added(self, lot: list[Row]) -> int:
        try:
            return len(self._add(lot))
        except PlaitError:
            # This model reads something that one of them does not have, and goes on without that one.
            half = len(lot) // 2
            return self._added(lot[:half]) + self._added(lot[half:]) if half else 0
