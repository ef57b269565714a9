"""Where the rows of a table lie in a common space, and who is near whom."""

from typing import Final, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.batches import block
from plait.retrieve import Exact, Found
from plait.run.run import Run

__all__ = ["Places"]

_CHUNK: Final = 16_384


@final
class Places:
    """Keeps the places of candidates once they were computed.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._of_task: dict[str, Tensor] = {}
        self._of_table: dict[str, Tensor] = {}
        self._searches: dict[str, Exact] = {}

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

    def near(self, table: str, row: int, count: int) -> tuple[list[int], list[float]]:
        """Return the rows of a table with the largest cosine to one of them, and the cosines."""
        places = self._unit(table)
        name = f"near {table}"
        if name not in self._searches:
            self._searches[name] = Exact(places)
        found = self._searches[name].top(places[row : row + 1], count, [torch.tensor([row])])
        shown = found.rows[0] > 0
        return found.rows[0][shown].tolist(), found.scores[0][shown].tolist()

    def _unit(self, table: str) -> Float[Tensor, "N R"]:
        """Return the places of a table's rows at unit length."""
        if table not in self._of_table:
            space = self.space(table)
            places = self._encoded(table) if space == "features" else self.of_task(space)
            if space == "features" and len(places) > 2:
                # What all rows have in common would make everything look alike.
                places = places - places[1:].mean(dim=0, keepdim=True)
            self._of_table[table] = torch.nn.functional.normalize(places, dim=1)
        return self._of_table[table]

    def _encoded(self, table: str) -> Float[Tensor, "N R"]:
        """Return the rows of a table as the model reads them."""
        columns = self._run.prepared.tables[table]
        encoder = self._run.model.row_encoder(table)
        parts = []
        with torch.no_grad():
            for rows in torch.split(torch.arange(columns.matrix.shape[0]), _CHUNK):
                taken = block(columns, rows)
                parts.append(encoder(taken.codes, taken.numbers, taken.vectors)[0].float())
        return torch.cat(parts)
