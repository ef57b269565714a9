"""Scoring by the trained model itself: nothing is exported, and nothing has to be."""

from threading import Lock
from typing import final

import pyarrow as pa
import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.room import Room
from plait.export.backend import Asker, Backend
from plait.export.growth import grown
from plait.export.pairs import Pairs
from plait.export.shape import shape_of
from plait.run.manifest import NAME, sha256
from plait.run.outcomes import Scorer
from plait.run.run import Run
from plait.tasks.base import Head

__all__ = ["EagerBackend"]


@final
class EagerBackend(Backend):
    """Score with the model of a run, in PyTorch as in training.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.shape = shape_of(run.layout)
        main = self.shape.pairings[0] if self.shape.pairings else None
        heads = {name: run.model.head(name) for name in (main.tasks if main is not None else ())}
        self.columns = {name: head.columns for name, head in heads.items() if isinstance(head, Head)}
        self.version = sha256(run.folder / NAME)
        self._prepared = run.prepared
        self._places: Tensor | None = None
        self._growing, self._placing, self._room = Lock(), Lock(), Room()

    @property
    def users(self) -> int:
        """How many users there are, without row 0."""
        return 0 if self.shape.users is None else self._run.layout.tables[self.shape.users].rows

    @property
    def items(self) -> int:
        """How many items there are, without row 0."""
        return 0 if self.shape.items is None else self._prepared.tables[self.shape.items].matrix.shape[0] - 1

    def rank(self, asker: Asker, items: Int[Tensor, "C"]) -> dict[str, Float[Tensor, "C _"]]:
        """Predict every pointwise task of the main pairing; see `Backend.rank`."""
        pairing = self.pairing()
        self.check(asker, items)
        keys = {pairing.user_key: torch.full_like(items, asker.row), pairing.item_key: items}
        return self._pairs(asker).outputs(pairing.table, keys, pairing.tasks) if pairing.tasks else {}

    def query(self, asker: Asker) -> Float[Tensor, "R"] | None:
        """Place a user; see `Backend.query`."""
        if not self.shape.pairings or self.shape.pairings[0].retrieval is None:
            return None
        pairing, task = self.shape.pairings[0], self.shape.pairings[0].retrieval
        self.check(asker)
        return self._pairs(asker).outputs(pairing.table, {pairing.user_key: torch.tensor([asker.row])}, [task])[task][0]

    def places(self) -> Float[Tensor, "N R"] | None:
        """Return where the items lie; see `Backend.places`."""
        if not self.shape.pairings or self.shape.pairings[0].retrieval is None:
            return None
        task = self.shape.pairings[0].retrieval
        with self._placing:
            prepared, places = self._prepared, self._places
            scorer = Scorer(self._run.model, prepared, torch.device("cpu"))
            rows = prepared.tables[self.pairing().items].matrix.shape[0]
            if places is None:
                places = scorer.candidates(task).float()
            elif len(places) < rows:
                more = scorer.candidates(task, torch.arange(len(places), rows)).float()
                places = self._room.behind("places", places, more)
            self._places = places
        return places

    def add(self, rows: pa.Table) -> list[int]:
        """Add items; see `Backend.add`."""
        table = self.pairing().items
        with self._growing:
            self._prepared, numbers = grown(self._run, self._prepared, table, rows, self._room)
        return numbers

    @property
    def prepared(self) -> Prepared:
        """Return the tables as they are now; see `Backend.prepared`."""
        return self._prepared

    def _pairs(self, asker: Asker) -> Pairs:
        return Pairs(self._run.model, self.remembered(asker))
