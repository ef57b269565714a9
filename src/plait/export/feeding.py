"""From row numbers to what a graph is fed, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from plait.data.room import Room
from plait.export.reading import Input
from plait.export.serving import Serving
from plait.export.store import Store, read_tensors

__all__ = ["Feeding"]

Rows = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True)
class Feeding:
    """Everything that is looked up.

    Attributes:
        store: tensors by table.
        items: history -> the items of all owners, one owner behind another.
        spans: history -> where the items of each owner are.
        last: history -> how many of the newest count.
    """

    store: Store
    items: Mapping[str, npt.NDArray[np.int32]]
    spans: Mapping[str, npt.NDArray[np.int64]]
    last: Mapping[str, int]

    @classmethod
    def load(cls, folder: Path, serving: Serving) -> Feeding:
        """Read a bundle's tensors.

        Raises:
            CorruptError: a file holds something else.
        """
        files = dict.fromkeys([*(t.file for t in serving.tables.values()), *(h.file for h in serving.histories.values())])
        read = {name: read_tensors(folder / name) for name in files}
        histories = serving.histories.items()
        own = {name for _, history in histories for name in (history.items, history.spans)}
        tables = {
            table: {name: tensor for name, tensor in read[stored.file].items() if name not in own}
            for table, stored in serving.tables.items()
        }
        return cls(
            Store(tables),
            {name: read[history.file][history.items] for name, history in histories},
            {name: read[history.file][history.spans].astype(np.int64) for name, history in histories},
            {name: history.last for name, history in histories},
        )

    def feed(
        self, inputs: Sequence[Input], keys: Mapping[str, Rows], recent: Mapping[str, Sequence[int]]
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the inputs of a graph; what rules forbid, and the examples themselves, are left to the caller.

        Args:
            inputs: what the graph wants.
            keys: key -> the rows it leads to: one where it is fixed.
            recent: history -> the items that count in place of what is known, oldest first.
        """
        found: dict[str, npt.NDArray[Any]] = {}
        sequences: dict[str, Rows] = {}
        for known in inputs:
            if known.by in ("rule", "own"):
                continue
            if known.by == "row":
                found[known.name] = self.store.take(known.table, known.tensor, keys[known.key])
                continue
            name = known.tensor.removeprefix("past:")
            if name not in sequences:
                sequences[name] = self._sequence(name, keys[known.key], recent.get(name))
            if known.by == "there":
                found[known.name] = sequences[name] > 0
            else:
                found[known.name] = self.store.take(known.table, known.tensor, sequences[name])
        return found

    def grown(self, table: str, more: Mapping[str, npt.NDArray[Any]], room: Room) -> Feeding:
        """Return the same with rows behind those of a table; see `Store.grown`."""
        return Feeding(self.store.grown(table, more, room), self.items, self.spans, self.last)

    def _sequence(self, history: str, owners: Rows, instead: Sequence[int] | None) -> Rows:
        """Return the newest items of each owner, newest last, padded with 0 on the left."""
        last = self.last[history]
        found = np.zeros((len(owners), last), np.int64)
        if instead is not None:
            kept = [*instead][-last:]
            found[:, last - len(kept) :] = kept
            return found
        spans = self.spans[history]
        for place, owner in enumerate(owners):
            start, end = spans[owner] if owner < len(spans) else (0, 0)
            start = max(start, end - last)
            found[place, last - (end - start) :] = self.items[history][start:end]
        return found
