"""The tensors that row numbers look up, in memory: whole numbers with a scale per row where a bundle is quantised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import from_numpy

from plait.data.room import Room
from plait.errors import CorruptError

__all__ = ["SCALE", "Store", "quantised", "read_tensors"]

SCALE: Final = ".scale"
"""What is put behind a tensor's name to name its scales."""

Array = npt.NDArray[Any]


@final
class Store:
    """Some tables' tensors; never changed once it is made.

    Args:
        tables: table -> name -> tensor with a row for each of its rows.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Array]]) -> None:
        self._tables = tables

    def take(self, table: str, name: str, rows: npt.NDArray[np.int64]) -> Array:
        """Look up rows; the result has the shape of `rows`, then that of one row."""
        tensors = self._tables[table]
        found: Array = tensors[name][rows]
        if found.dtype == np.int8:
            found = np.multiply(found, tensors[name + SCALE][rows][..., None], dtype=np.float32)
        return found

    def rows(self, table: str, name: str) -> int:
        """Count the rows of a tensor, row 0 included."""
        return len(self._tables[table][name])

    def every(self, table: str, name: str) -> Array:
        """Return all rows, which nobody may change."""
        tensor = self._tables[table][name]
        return tensor if tensor.dtype != np.int8 else self.take(table, name, np.arange(len(self._tables[table][name])))

    def grown(self, table: str, more: Mapping[str, Array], room: Room) -> Store:
        """Return the same with rows behind those of one table, as exact as those.

        Args:
            table: the table.
            more: its new rows; what is not stored of the others is not of them.
            room: where its tensors grow.
        """
        known = self._tables[table]
        found: dict[str, Array] = {}
        for name, tensor in more.items():
            if name not in known:
                continue
            if known[name].dtype == np.int8:
                found |= dict(zip((name, name + SCALE), quantised(tensor), strict=True))
            else:
                found[name] = tensor.astype(known[name].dtype)
        longer = {name: room.behind(f"store {name}", from_numpy(known[name]), from_numpy(found[name])) for name in known}
        return Store({**self._tables, table: {name: tensor.numpy() for name, tensor in longer.items()}})

    @property
    def bytes(self) -> int:
        """How large all of it is."""
        return sum(tensor.nbytes for tensors in self._tables.values() for tensor in tensors.values())


def quantised(tensor: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round each row to whole numbers from -127 to 127, and return them with what they are to be multiplied by."""
    most = np.abs(tensor).max(axis=1, initial=0.0)
    scale = np.where(most > 0, most / 127, 1.0).astype(np.float32)
    return np.rint(tensor / scale[:, None]).astype(np.int8), scale


def read_tensors(path: Path) -> dict[str, Array]:
    """Read a file of tensors.

    Raises:
        CorruptError: it is something else.
    """
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CorruptError(f"`{path}` should hold tensors. Found {error}. Export the run again.") from error
