"""Which items a user is shown, in which order, and what every task says of them."""

from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from plait.export.pairs import Pairs, Seen
from plait.export.shape import Pairing
from plait.run.run import Run
from plait.serve.places import Places
from plait.serve.readings import reading
from plait.serve.wire import Prediction
from plait.tasks.base import Head, TwoTower

__all__ = ["Ranker"]


@final
class Ranker:
    """Finds candidates for a user and predicts every task for them.

    With a retrieval task the candidates are those nearest to the user; without one all items are scored by the first task
    that puts them in order; with neither, the most frequent items come first.

    Args:
        run: the run.
        places: places of candidates.
    """

    def __init__(self, run: Run, places: Places) -> None:
        self._run = run
        self._places = places
        self._pairs = Pairs(run.model, run.prepared)
        self._seen: dict[str, Seen] = {}

    def seen(self, pairing: Pairing) -> Seen:
        """Return who has had what."""
        if pairing.table not in self._seen:
            self._seen[pairing.table] = Seen(self._run, pairing)
        return self._seen[pairing.table]

    def ranked(self, pairing: Pairing, user: int, count: int) -> tuple[list[int], list[float], str]:
        """Return the best items for a user, what each was ranked by, and by which task.

        Items the user already had are left out, unless people in these data come back to what they had.
        """
        seen = self.seen(pairing)
        excluded = torch.empty(0, dtype=torch.int64) if seen.again else seen.items(user)
        if pairing.retrieval is not None:
            rows, scores = self._retrieved(pairing, pairing.retrieval, user, count, excluded)
            return rows, scores, pairing.retrieval
        shown = torch.ones(self._run.layout.tables[pairing.items].rows + 1, dtype=torch.bool)
        shown[excluded] = False
        candidates = shown[1:].nonzero()[:, 0] + 1
        if pairing.ranks is None:
            values = seen.popularity[candidates].double()
        else:
            output = self._outputs(pairing, user, candidates, [pairing.ranks])[pairing.ranks]
            values = (output[:, 0] if output.shape[1] == 1 else output @ torch.arange(output.shape[1]).float()).double()
        order = values.nan_to_num(-torch.inf).argsort(descending=True, stable=True)[:count]
        return candidates[order].tolist(), values[order].tolist(), pairing.ranks or "popularity"

    def predictions(self, pairing: Pairing, user: int, rows: list[int]) -> list[list[Prediction]]:
        """Predict every pointwise task of a pairing for a user with each of some items."""
        if not rows or not pairing.tasks:
            return [[] for _ in rows]
        outputs = self._outputs(pairing, user, torch.tensor(rows), pairing.tasks)
        return [self._read(pairing.tasks, outputs, i) for i in range(len(rows))]

    def about(self, table: str, key: str, tasks: list[str], user: int) -> list[Prediction]:
        """Predict tasks of a table whose only key leads to the user."""
        if not tasks:
            return []
        return self._read(tasks, self._pairs.outputs(table, {key: torch.tensor([user])}, tasks), 0)

    def _read(self, tasks: list[str], outputs: dict[str, Tensor], place: int) -> list[Prediction]:
        found = []
        for name in tasks:
            head = self._run.model.head(name)
            assert isinstance(head, Head)
            found.append(reading(self._run.layout.tasks[name], head.columns, outputs[name][place]))
        return found

    def _outputs(self, pairing: Pairing, user: int, items: Int[Tensor, " n"], tasks: list[str]) -> dict[str, Tensor]:
        keys = {pairing.user_key: torch.full_like(items, user), pairing.item_key: items}
        return self._pairs.outputs(pairing.table, keys, tasks)

    def _retrieved(
        self, pairing: Pairing, task: str, user: int, count: int, excluded: Int[Tensor, " n"]
    ) -> tuple[list[int], list[float]]:
        head = self._run.model.head(task)
        assert isinstance(head, TwoTower)
        keys = {pairing.user_key: torch.tensor([user])}
        query = self._pairs.outputs(pairing.table, keys, [task])[task]
        forbidden = self._pairs.forbidden(pairing.table, keys, task)
        found = self._places.best(task, query, count, torch.cat([excluded, forbidden]))
        rows = found.rows[0][found.rows[0] > 0]
        with torch.no_grad():
            scores = head.pair_scores(query.expand(len(rows), -1), self._places.of_task(task).index_select(0, rows))
        return rows.tolist(), scores.tolist()
