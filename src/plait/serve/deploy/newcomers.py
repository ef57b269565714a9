"""Items that came after training, told by the worker that was given them to all others, and to every model that comes."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

from plait.errors import PlaitError

__all__ = ["Follower", "Newcomers"]

_FILE: Final = "items.jsonl"

Row = dict[str, Any]


@final
class Newcomers:
    """A file on the board, a line for each lot of items.

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
class Follower:
    """Adds to one model what any worker was told of.

    Args:
        newcomers: what was told.
        add: adds rows; refuses those that are there already.
    """

    def __init__(self, newcomers: Newcomers, add: Callable[[list[Row]], object]) -> None:
        self._newcomers = newcomers
        self._add = add
        self._place = 0

    def catch_up(self) -> int:
        """Add what was told since, and return how many rows were new here."""
        lots, self._place = self._newcomers.after(self._place)
        return sum(self._added(lot) for lot in lots)

    def _added(self, lot: list[Row]) -> int:
        try:
            self._add(lot)
        except PlaitError:
            # Some are there already, most often all: the worker that was given them reads its own words. Or this model
            # reads a column that they do not have, and goes on without them.
            return sum(self._added([row]) for row in lot) if len(lot) > 1 else 0
        return len(lot)
