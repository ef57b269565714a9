"""What a model says about the rows of a part: predictions beside labels, as arrays for `plait.measure`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from plait.data.batches import Batch, block, gather
from plait.data.columns import Columns, Prepared
from plait.data.questions import Answers
from plait.measure.outcome import Outcome
from plait.model import MultiTaskModel
from plait.tasks.base import Head, TwoTower

__all__ = ["Scorer"]

_ROWS: Final = 16_384
_QUERIES: Final = 1_024
_TEXTS: Final = 512
_TOP: Final = 10


@final
class Scorer:
    """Runs a model over rows, in chunks, without gradients.

    Args:
        model: the model.
        prepared: the tables its examples point into.
        device: where the model lies.
    """

    def __init__(self, model: MultiTaskModel, prepared: Prepared, device: torch.device) -> None:
        self.model = model
        self.prepared = prepared
        self.device = device

    def outcomes(self, part: str) -> dict[str, Outcome]:
        """Return predictions and labels of every task on the labelled rows of a part."""
        layout = self.prepared.layout
        found: dict[str, Outcome] = {}
        for table in dict.fromkeys(task.table for task in layout.tasks.values()):
            tasks = [name for name, task in layout.tasks.items() if task.table == table]
            rows = {name: self.prepared.rows(name, part) for name in tasks}
            union = torch.unique(torch.cat([*rows.values()]))
            found |= self.of_rows(table, union, rows)
        return found

    def of_rows(
        self, table: str, union: Tensor, rows: dict[str, Tensor], columns: Columns | None = None
    ) -> dict[str, Outcome]:
        """Return the outcomes of tasks of one table.

        Args:
            table: the table.
            union: row numbers to run, ascending.
            rows: for each task the row numbers, ascending, among `union`, that have a label.
            columns: other rows of the table than the prepared ones.
        """
        outputs = self.outputs(table, union, list(rows), columns)
        source = columns if columns is not None else self.prepared.tables[table]
        found = {}
        for name, wanted in rows.items():
            places = torch.searchsorted(union, wanted)
            found[name] = self._outcome(name, source, wanted, outputs[name].index_select(0, places))
        return found

    def outputs(
        self, table: str, rows: Tensor, tasks: Sequence[str], columns: Columns | None = None, enforced: bool = True
    ) -> dict[str, Tensor]:
        """Return what the heads of some tasks give for rows of a table, on the CPU: predictions, or places of queries.

        No rows give outputs of no rows, as wide as ever.

        Args:
            table: the table.
            rows: row numbers.
            tasks: which tasks.
            columns: other rows of the table than the prepared ones.
            enforced: whether what rules forbid is taken out.
        """
        parts: dict[str, list[Tensor]] = {name: [] for name in tasks}
        for batch in self.batches(table, rows, columns):
            with torch.no_grad():
                given = self.model.outputs(batch, enforced)
            for name in tasks:
                parts[name].append(given[name].cpu())
        return {name: _joined(chunks) for name, chunks in parts.items()}

    def batches(self, table: str, rows: Tensor, columns: Columns | None = None) -> Iterator[Batch]:
        """Gather rows in chunks, with the model in evaluation mode while they are used."""
        was = self.model.training
        self.model.eval()
        try:
            # States of all tokens take a thousand times the room of a row's vector.
            of_tokens = any(task.table == table and task.text is not None for task in self.prepared.layout.tasks.values())
            for chunk in torch.split(rows, _TEXTS if of_tokens else _ROWS):
                yield gather(self.prepared, table, chunk, columns).to(self.device)
        finally:
            self.model.train(was)

    def forbidden(self, task: str, columns: Columns, rows: Tensor) -> Tensor | None:
        """Return which candidates rules forbid to some rows, `[rows, candidates + 1]`; None where no rule says anything."""
        found: Tensor | None = None
        for name, kinds in self.prepared.rule_kinds.items():
            rule = self.prepared.layout.rules.get(name)
            if rule is not None and rule.task == task and name in columns.rules:
                pairs = columns.rules[name].at(rows).pairs(kinds)
                found = pairs if found is None else found | pairs
        return found

    def candidates(self, task: str, rows: Tensor | None = None) -> Tensor:
        """Return the places of rows of a two-tower task's target table: `[rows, R]`.

        Args:
            task: the task.
            rows: which rows; all of them, row 0 included, where not said.
        """
        target = self.prepared.layout.tasks[task].target
        assert target is not None
        rows = torch.arange(self.prepared.tables[target].matrix.shape[0]) if rows is None else rows
        with torch.no_grad():
            self.model.eval()
            places = [
                self.model.candidates(task, block(self.prepared, target, chunk).to(self.device))
                for chunk in torch.split(rows, _ROWS)
            ]
        return torch.cat(places)

    def _outcome(self, name: str, columns: Columns, rows: Tensor, output: Tensor) -> Outcome:
        task = self.prepared.layout.tasks[name]
        label = columns.labels[name].index_select(0, rows).numpy()
        weight = columns.weights[name].index_select(0, rows).numpy() if name in columns.weights else np.empty(0)
        unit = np.empty(0, dtype=np.int64)
        if task.group_key is not None and task.group_key in columns.layout.keys:
            unit = columns.matrix[:, columns.layout.keys[task.group_key]].index_select(0, rows).numpy().astype(np.int64)
        head = self.model.head(name)
        if not isinstance(head, TwoTower):
            return Outcome(output.numpy(), label, weight, unit, levels=head.levels if isinstance(head, Head) else ())
        assert task.target_role is not None
        path = self.prepared.layout.paths[task.table][task.target_role]
        right = columns.matrix[:, columns.layout.keys[path[0]]].index_select(0, rows).long()
        if task.kind == "relatedness" and bool((columns.labels[name][1:, 0] == 0).any()):
            return Outcome(self._pair_scores(name, output, right), label, weight, unit)
        others = self._others(name, columns, rows, right) if name in columns.questions else None
        rank, top = self._ranks(name, output, right, others, lambda some: self.forbidden(name, columns, rows[some]))
        return Outcome(
            np.empty((len(rows), 0)), label, weight, unit, rank, top, self.prepared.tables[task.target or ""].layout.rows
        )

    def _pair_scores(self, name: str, queries: Tensor, right: Tensor) -> np.ndarray:
        """Return the chance that each pair belongs together, `[n, 1]`."""
        places, head = self.candidates(name), self.model.head(name)
        assert isinstance(head, TwoTower)
        with torch.no_grad():
            chunks = [
                head.pair_scores(query.to(self.device), places.index_select(0, item.to(self.device)))
                for query, item in zip(torch.split(queries, _ROWS), torch.split(right, _ROWS), strict=True)
            ]
        return torch.sigmoid(torch.cat(chunks)).cpu().numpy()[:, None]

    def _others(self, name: str, columns: Columns, rows: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Return the other right answers of some examples, as far as the prepared tables know them, sorted by example."""
        task = self.prepared.layout.tasks[name]
        assert task.target_role is not None
        known = self.prepared.tables[task.table]
        key = known.layout.keys[self.prepared.layout.paths[task.table][task.target_role][0]]
        answers = Answers(known, name, known.matrix[:, key].long())
        return answers.others(columns.questions[name].index_select(0, rows), right)

    def _ranks(
        self,
        name: str,
        queries: Tensor,
        right: Tensor,
        others: tuple[Tensor, Tensor] | None,
        forbidden: Callable[[slice], Tensor | None],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rank the right item among the whole catalogue, in chunks of queries; ties count half.

        Args:
            name: the task.
            queries: places of the queries.
            right: row number of each query's right answer.
            others: which query, by place, and row number of candidates that do not count against its right answer.
            forbidden: gives which candidates rules forbid to a run of the queries.
        """
        places, head = self.candidates(name), self.model.head(name)
        assert isinstance(head, TwoTower)
        ranks, tops, done = [torch.empty(0, dtype=torch.int64)], [], 0
        for query, item in zip(torch.split(queries, _QUERIES), torch.split(right, _QUERIES), strict=True):
            with torch.no_grad():
                scores = head.scores(query.to(self.device), places)
            scores[:, 0] = -torch.inf
            if (out := forbidden(slice(done, done + len(query)))) is not None:
                scores.masked_fill_(out.to(self.device), -torch.inf)
            item = item.to(self.device)
            tops.append(scores.topk(min(_TOP, scores.shape[1] - 1), dim=1).indices.cpu())
            if others is not None:
                low, high = torch.searchsorted(others[0], torch.tensor([done, done + len(query)])).tolist()
                scores[(others[0][low:high] - done).to(self.device), others[1][low:high].to(self.device)] = -torch.inf
            done += len(query)
            own = scores.gather(1, item[:, None])
            above = (scores > own).sum(1) + ((scores == own).sum(1) - 1) // 2
            ranks.append(torch.where(item > 0, above + 1, torch.zeros_like(above)).cpu())
        top = torch.cat(tops) if tops else torch.empty(0, _TOP, dtype=torch.int64)
        return torch.cat(ranks).numpy(), top.numpy()


def _joined(chunks: Sequence[Tensor]) -> Tensor:
    """Lay chunks below each other; where some are narrower, -1 fills them up: they hold fewer phrases."""
    width = max(chunk.shape[1] for chunk in chunks)
    padded = [torch.nn.functional.pad(chunk, (0, width - chunk.shape[1]), value=-1.0) for chunk in chunks]
    return torch.cat(padded)
