"""The contract of what answers requests: whom something is scored for, and what every task says of them with some items."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import final

import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.columns import Events, Prepared
from plait.errors import DataError, RunError
from plait.export.shape import Pairing, Shape

__all__ = ["Asker", "Backend"]


@final
@dataclass(frozen=True, slots=True)
class Asker:
    """Whom something is scored for.

    Attributes:
        row: row number in the users' table; 0 is somebody unknown.
        recent: rows of the items they had, oldest first, in place of what the run knows; None: as the run knows them.
    """

    row: int = 0
    recent: tuple[int, ...] | None = None


class Backend(ABC):
    """Score one user with items of the main pairing.

    What is said of an item does not depend on the other items of the request, and one thread does the work: two in one
    process make a busy machine slow. Calls may come from several threads at once.

    Attributes:
        shape: who is recommended what.
        columns: pointwise task of the main pairing -> the names of its output columns.
        version: SHA-256 of the manifest, which every answer says.
    """

    shape: Shape
    columns: dict[str, list[str]]
    version: str

    @property
    @abstractmethod
    def users(self) -> int:
        """How many users there are, without row 0."""

    @property
    @abstractmethod
    def items(self) -> int:
        """How many items there are, without row 0, with those that were added."""

    @abstractmethod
    def rank(self, asker: Asker, items: Int[Tensor, "C"]) -> dict[str, Float[Tensor, "C _"]]:
        """Predict every pointwise task of the main pairing for a user with some items; what rules forbid is taken out.

        Args:
            asker: whom for.
            items: row numbers of the items.

        Returns:
            Task -> one row per item, one column for each of `columns`.

        Raises:
            RunError: users and items do not meet in these data.
            DataError: there is no such user or item.
        """

    @abstractmethod
    def query(self, asker: Asker) -> Float[Tensor, "R"] | None:
        """Place a user in the space of the retrieval task; nothing where the main pairing has none.

        Args:
            asker: whom for.

        Raises:
            DataError: there is no such user or item.
        """

    @abstractmethod
    def places(self) -> Float[Tensor, "N R"] | None:
        """Return where the items lie in the space of the retrieval task, row 0 (no item) and those added included."""

    @abstractmethod
    def add(self, rows: pa.Table) -> list[int]:
        """Add items, read by the code that read those of the training.

        Args:
            rows: rows of the items' table, with the columns that its features are read from.

        Returns:
            Their row numbers, behind all others.

        Raises:
            RunError: users and items do not meet in these data.
            DataError: a column is missing or holds something else, or an item is there already.
        """

    @property
    @abstractmethod
    def prepared(self) -> Prepared:
        """The tables as they are now, with the items that were added."""

    def remembered(self, asker: Asker) -> Prepared:
        """Return the tables as an asker finds them: with the items they had, where others than the run knows."""
        if asker.recent is None or self.shape.history is None:
            return self.prepared
        return _remembering(self.prepared, self.shape.history, asker.row, asker.recent)

    def pairing(self) -> Pairing:
        """Return the main pairing.

        Raises:
            RunError: there is none.
        """
        if not self.shape.pairings:
            raise RunError(
                "Items are ranked for users, so a recipe should have tasks on a table with keys to two others. "
                "Found none. `plait predict` scores the rows of this run."
            )
        return self.shape.pairings[0]

    def check(self, asker: Asker, items: Int[Tensor, "C"] | None = None) -> None:
        """Make sure that a user and items exist.

        Raises:
            DataError: there is no such user or item.
        """
        if not 0 <= asker.row <= self.users:
            raise DataError(f"`row` should be a row number of the {self.users} users, or 0. Found {asker.row}.")
        recent = asker.recent or ()
        if recent and not (min(recent) >= 0 and max(recent) <= self.items):
            raise DataError(f"`recent` should hold row numbers of the {self.items} items. Found {list(recent)[:5]} …")
        if items is not None and len(items) and not (int(items.min()) >= 0 and int(items.max()) <= self.items):
            raise DataError(
                f"`items` should hold row numbers of the {self.items} items. Found {int(items.min())} to {int(items.max())}."
            )


def _remembering(prepared: Prepared, history: str, owner: int, items: tuple[int, ...]) -> Prepared:
    """Return the same tables, in which one owner of a history had other items, the newest of which count.

    Args:
        prepared: the tables.
        history: the history.
        owner: whose.
        items: row numbers, oldest first.
    """
    events = prepared.histories[history]
    kept = items[-events.last :]
    now = torch.zeros_like(events.now)
    now[owner, 1] = len(kept)
    rows = torch.tensor(kept, dtype=events.items.dtype)
    had = Events(rows, {}, now, events.last, torch.zeros(len(kept), dtype=torch.int64), now.long())
    return replace(prepared, histories={**prepared.histories, history: had})
