"""Examples that are in no table: a user with each of some items, scored for every task in one batch."""

from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.columns import Columns, Prepared
from plait.data.engine import Engine
from plait.data.rules.judge import rules_of_rows
from plait.export.shape import Pairing
from plait.model import MultiTaskModel
from plait.run.outcomes import Scorer
from plait.run.run import Run

__all__ = ["Pairs", "Seen", "blank"]


@final
class Seen:
    """Who has had what: the event table's pairs, grouped by user.

    Attributes:
        again: whether people in these data come back to what they had: more than a tenth of the events are repetitions.
    """

    def __init__(self, run: Run, pairing: Pairing) -> None:
        columns = run.prepared.tables[pairing.table]
        users = columns.matrix[1:, columns.layout.keys[pairing.user_key]].long()
        items = columns.matrix[1:, columns.layout.keys[pairing.item_key]].long()
        self._order = users.argsort(stable=True)
        self._items = items[self._order]
        count = run.layout.tables[columns.layout.targets[pairing.user_key]].rows + 1
        self._ends = torch.bincount(users, minlength=count).cumsum(0)
        known = (users > 0) & (items > 0)
        pairs = users[known] * (int(items.max()) + 1 if len(items) else 1) + items[known]
        self.again = len(pairs) > 0 and len(torch.unique(pairs)) < 0.9 * len(pairs)
        self.popularity = torch.bincount(items, minlength=run.layout.tables[pairing.items].rows + 1)
        self.popularity[0] = 0

    def items(self, user: int) -> Int[Tensor, " n"]:
        """Return the items of a user's events, in the order of the table."""
        start, stop = self._span(user)
        return self._items[start:stop]

    def rows(self, user: int) -> Int[Tensor, " n"]:
        """Return the rows of a user's events in the event table."""
        start, stop = self._span(user)
        return self._order[start:stop] + 1

    def _span(self, user: int) -> tuple[int, int]:
        return (int(self._ends[user - 1]) if user > 0 else 0), int(self._ends[user])


@final
class Pairs:
    """Scores examples made of keys alone; what else the table holds of an example is not known yet, and absent.

    Args:
        model: the model.
        prepared: the tables that keys lead to.
    """

    def __init__(self, model: MultiTaskModel, prepared: Prepared) -> None:
        self._prepared = prepared
        self._scorer = Scorer(model, prepared, torch.device("cpu"))

    def outputs(self, table: str, keys: dict[str, Int[Tensor, " B"]], tasks: list[str]) -> dict[str, Float[Tensor, "B _"]]:
        """Run tasks of a table on new examples.

        Args:
            table: the examples' table.
            keys: key column -> row numbers it leads to; keys not named lead nowhere.
            tasks: which tasks.
        """
        size = len(next(iter(keys.values())))
        outcomes = any(self._prepared.layout.tasks[task].target is None for task in tasks)
        columns = self._columns(table, keys, size, False if outcomes else None)
        return self._scorer.outputs(table, torch.arange(1, size + 1), tasks, columns)

    def forbidden(self, table: str, keys: dict[str, Int[Tensor, " B"]], task: str) -> Int[Tensor, " n"]:
        """Return the candidates that rules forbid to one new example of a retrieval task.

        Args:
            table: the example's table.
            keys: key column -> the one row number it leads to.
            task: the task.
        """
        out = self._scorer.forbidden(task, self._columns(table, keys, 1, True), torch.tensor([1]))
        return torch.empty(0, dtype=torch.int64) if out is None else out[0].nonzero()[:, 0]

    def _columns(self, table: str, keys: dict[str, Tensor], size: int, pairs: bool | None) -> Columns:
        """Lay out new examples, with the rules about candidates, or about outcomes, or none."""
        columns = blank(self._prepared, table, size)
        for key, rows in keys.items():
            columns.matrix[1:, columns.layout.keys[key]] = rows.int()
        numbers = {key: rows.numpy().astype(np.int32) for key, rows in keys.items()}
        rules = {}
        if pairs is not None:
            with Engine(Path()) as engine:
                rules = rules_of_rows(self._prepared, table, size, numbers, {}, engine, pairs)
        return replace(columns, rules=rules)


def blank(prepared: Prepared, table: str, size: int) -> Columns:
    """Lay out examples of which nothing is known, and whose keys lead nowhere."""
    known = prepared.tables[table]
    matrix = torch.zeros(size + 1, known.matrix.shape[1], dtype=torch.int32)
    vectors = {name: vector.new_zeros(size + 1, vector.shape[1]) for name, vector in known.vectors.items()}
    words = {name: kept.without_rows(size) for name, kept in known.words.items()}
    return Columns(known.layout, matrix, vectors, {}, {}, torch.zeros(size + 1, dtype=torch.uint8), words=words)
