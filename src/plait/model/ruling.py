"""The rules of a model: what its tasks predicted against them since the last step, and predictions that keep them."""

from collections.abc import Iterable, Mapping
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.batches import Batch
from plait.data.negatives import Negatives
from plait.layout import TaskLayout
from plait.tasks.base import TwoTower
from plait.tasks.rules import TaskRule, enforce, forbidden_share, semantic_loss

__all__ = ["Ruling"]


@final
class Ruling:
    """Everything a model knows of rules; it has nothing to learn.

    Args:
        tasks: the tasks as prepared.
        rules: about these tasks.
    """

    def __init__(self, tasks: Mapping[str, TaskLayout], rules: Iterable[TaskRule] = ()) -> None:
        self._tasks = tasks
        self.rules = tuple(rules)
        self._seen: list[Tensor] = []

    def wanted(self, batch: Batch) -> list[str]:
        """Name the tasks without candidates whose predictions for a batch cost where they break a rule."""
        known = [rule.task for rule in self.rules if rule.weight > 0 and rule.name in batch.rules]
        return [name for name in dict.fromkeys(known) if self._tasks[name].target is None]

    def see(self, task: str, prediction: Float[Tensor, "B P"], batch: Batch) -> None:
        """Take down what predictions for the examples of a batch cost: the mean over all of them."""
        for rule in self._of(task, batch):
            each = semantic_loss(self._tasks[task], prediction, rule.classes)
            self._seen.append(rule.weight * (each * batch.rules[rule.name].outcome()).mean())

    def see_pairs(
        self,
        task: str,
        head: TwoTower,
        places: tuple[Float[Tensor, "b R"], Float[Tensor, "N R"]],
        rows: Int[Tensor, " N"],
        asked: tuple[Batch, Int[Tensor, " b"] | None, Negatives],
    ) -> None:
        """Take down what the ranking of candidates costs: the mean over the queries.

        Args:
            task: a retrieval task.
            head: its head.
            places: of queries and of candidates; the first candidates are the queries' own.
            rows: row numbers of the candidates.
            asked: the batch, which of its examples the queries are (all where not said), and the sampled candidates.
        """
        batch, picked, drawn = asked
        for rule in self._of(task, batch):
            ruled = batch.rules[rule.name] if picked is None else batch.rules[rule.name].at(picked)
            forbidden = ruled.pairs(drawn.kinds[rule.name].index_select(0, rows))
            log_q = drawn.log_q.index_select(0, rows)
            each = forbidden_share(head.scores(*places), rows, log_q, forbidden)
            self._seen.append(rule.weight * each.mean())

    def take(self) -> Float[Tensor, ""] | None:
        """Return what was taken down since the last call, and forget it."""
        seen, self._seen = self._seen, []
        return torch.stack(seen).sum() if seen else None

    def enforce(self, task: str, prediction: Float[Tensor, "B P"], batch: Batch) -> Float[Tensor, "B P"]:
        """Take what is forbidden out of predictions for the examples of a batch."""
        for rule in self.rules:
            if rule.task == task and rule.name in batch.rules and self._tasks[task].target is None:
                prediction = enforce(self._tasks[task], prediction, batch.rules[rule.name].outcome(), rule.classes)
        return prediction

    def _of(self, task: str, batch: Batch) -> list[TaskRule]:
        return [rule for rule in self.rules if rule.task == task and rule.weight > 0 and rule.name in batch.rules]
