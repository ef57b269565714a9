"""Where the rows of a table lie in a common space, and who is near whom."""

from typing import Final, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.batches import block
from plait.retrieve import Exact, Found
from plait.run.run import Run

__all__ = ["Places"]

_CHUNK: Final = 4_096
_MOST: Final = 20_000


@final
class Places:
    """Keeps the places of candidates once they were computed.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._of_task: dict[str, Tensor] = {}
        self._searches: dict[str, Exact] = {}
        self._near: dict[str, tuple[Tensor, Tensor, Exact]] = {}

    def of_task(self, task: str) -> Float[Tensor, "N R"]:
        """Return the places of a two-tower task's candidates, row 0 included."""
        if task not in self._of_task:
            self._of_task[task] = self._run.scorer.candidates(task).float()
        return self._of_task[task]

    def best(self, task: str, query: Float[Tensor, "B R"], count: int, excluded: Int[Tensor, " n"]) -> Found:
        """Return a two-tower task's best candidates for one query."""
        if task not in self._searches:
            self._searches[task] = Exact(self.of_task(task))
        return self._searches[task].top(query, count, [excluded])

    def space(self, table: str) -> str:
        """Name the space in which rows of a table are compared: the first task that searches them, or `features`."""
        return next((name for name, task in self._run.layout.tasks.items() if task.target == table), "features")

    def compared(self, table: str) -> int:
        """Say with how many rows one is compared: none of a table of which the model reads nothing."""
        rows = self._run.layout.tables[table].rows
        if self.space(table) == "features" and not any(role.table == table for role in self._run.layout.roles):
            return 0
        return rows if self.space(table) != "features" else min(rows, _MOST)

    def near(self, table: str, row: int, count: int) -> tuple[list[int], list[float]]:
        """Return the rows of a table with the largest cosine to one of them, and the cosines.

        Places of a task are compared all; row vectors are long, so of a large table only rows at even distances are.
        """
        if self.compared(table) == 0:
            return [], []
        if table not in self._near:
            self._near[table] = self._neighbourhood(table)
        rows, mean, search = self._near[table]
        own = self._unit(table, torch.tensor([row]), mean)
        found = search.top(own, count, [(rows == row).nonzero()[:, 0]])
        shown = found.rows[0] > 0
        return rows[found.rows[0][shown]].tolist(), found.scores[0][shown].tolist()

    def _neighbourhood(self, table: str) -> tuple[Int[Tensor, " n"], Float[Tensor, "1 R"], Exact]:
        """Return the rows that are compared (after row 0), what they have in common, and the search among them."""
        total = self._run.layout.tables[table].rows
        rows = torch.arange(total + 1)
        if self.compared(table) < total:
            rows = torch.cat([rows[:1], torch.linspace(1, total, _MOST).round().long()])
        places = self._raw(table, rows)
        # What all rows have in common would make everything look alike; with a task it is part of what was learned.
        several = self.space(table) == "features" and len(places) > 2
        mean = places[1:].mean(dim=0, keepdim=True) if several else torch.zeros_like(places[:1])
        return rows, mean, Exact(torch.nn.functional.normalize(places - mean, dim=1))

    def _unit(self, table: str, rows: Int[Tensor, " n"], mean: Float[Tensor, "1 R"]) -> Float[Tensor, "n R"]:
        return torch.nn.functional.normalize(self._raw(table, rows) - mean, dim=1)

    def _raw(self, table: str, rows: Int[Tensor, " n"]) -> Float[Tensor, "n R"]:
        """Return where rows lie: in the space of a task, else as the model reads them."""
        space = self.space(table)
        if space != "features":
            return self.of_task(space).index_select(0, rows)
        prepared = self._run.prepared
        encoder = self._run.model.encoder
        with torch.no_grad():
            chunks = torch.split(rows, _CHUNK)
            return torch.cat([encoder.block(table, block(prepared, table, chunk))[0].float() for chunk in chunks])
