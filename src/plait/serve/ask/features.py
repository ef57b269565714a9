"""What every feature of a user, an item and a history does to the scores of one pair, in one batch of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait.data.gather import Batch, Block
from plait.export.backend import Asker
from plait.export.bundle import Bundle
from plait.export.pairs import blank
from plait.layout import FeatureLayout
from plait.run.outcomes import Scorer
from plait.serve.ask.worth import Worth

__all__ = ["Part", "Parts"]


@final
@dataclass(frozen=True, slots=True)
class Part:
    """Something that is known of a pair and can be left out.

    Attributes:
        role: of which role it is; the history's own where it is an earlier item.
        feature: `table.column`; nothing where it is an earlier item.
        item: row number of the earlier item; 0 where it is a feature.
    """

    role: str
    feature: str
    item: int = 0


@final
class Parts:
    """Everything of one pair that can be left out, and what the tasks say without it.

    Features become what a row without them holds; earlier items leave the history. Texts that an encoder inside the model
    reads, sounds and facts stay, and so does what rules take out afterwards.

    Scored by the model of the run in one batch, in PyTorch: a backend's graphs start from rows that are encoded already.

    Args:
        bundle: the run and its backend, which knows the items that were added.
        asker: whom for, with what they had since.
        item: row number.

    Attributes:
        tasks: whose scores are told, in order.
        parts: what can be left out.
    """

    def __init__(self, bundle: Bundle, asker: Asker, item: int) -> None:
        self._run, self._user, self._item = bundle.run, asker.row, item
        self._pairing = bundle.backend.pairing()
        self._prepared = bundle.backend.remembered(asker)
        self._scorer = Scorer(bundle.run.model, self._prepared, torch.device("cpu"))
        self._worth = Worth(bundle.run, bundle.backend)
        self.tasks = [name for name in self._pairing.tasks if name in self._worth.names]
        self._tables = {role.name: role.table for role in self._run.layout.roles}
        self._one = self._batch(1)
        self.parts = [*self._features(), *self._history()]

    def score(self, present: Bool[Tensor, "B F"]) -> Float[Tensor, "B T"]:
        """Score the pair with some of its parts, for every task."""
        batch = self._batch(len(present))
        roles, items, pasts = dict(batch.roles), dict(batch.items), dict(batch.pasts)
        for name, shown in self._of_roles(present):
            roles[name] = _absent(roles[name], shown)
        for name in items:
            had = {part.item: present[:, n] for n, part in enumerate(self.parts) if part.item and part.role == name}
            kept = torch.zeros_like(items[name], dtype=torch.bool)
            for row, there in had.items():
                kept |= (items[name] == row) & there[:, None]
            # What is left moves to the right, where the newest stand.
            order = kept.to(torch.int8).argsort(dim=1, stable=True)
            items[name] = (items[name] * kept).gather(1, order)
            pasts[name] = replace(pasts[name], positions=(pasts[name].positions * kept).gather(1, order))
        with torch.no_grad():
            self._run.model.eval()
            outputs = self._run.model.outputs(replace(batch, roles=roles, items=items, pasts=pasts), False)
        return torch.stack([self._worth.single(task, outputs[task].float()) for task in self.tasks], dim=1)

    def _of_roles(self, present: Tensor) -> list[tuple[str, list[tuple[FeatureLayout, Tensor]]]]:
        found: dict[str, list[tuple[FeatureLayout, Tensor]]] = {}
        for number, part in enumerate(self.parts):
            if part.feature:
                layout = next(f for f in self._run.layout.tables[self._tables[part.role]].features if f.name == part.feature)
                found.setdefault(part.role, []).append((layout, present[:, number]))
        return list(found.items())

    def _features(self) -> list[Part]:
        found: list[Part] = []
        for role in self._one.roles:
            table = self._tables.get(role, "")
            if table in ("", self._pairing.table):
                continue
            found += [
                Part(role, feature.name)
                for feature in self._run.layout.tables[table].features
                if feature.slots or feature.numbers or feature.name in self._one.roles[role].vectors
            ]
        return found

    def _history(self) -> list[Part]:
        found = []
        for role, items in self._one.items.items():
            rows = dict.fromkeys(row for row in reversed(items[0].tolist()) if row)
            found += [Part(role, "", int(row)) for row in rows]
        return found

    def _batch(self, size: int) -> Batch:
        columns = blank(self._prepared, self._pairing.table, size)
        for key, row in ((self._pairing.user_key, self._user), (self._pairing.item_key, self._item)):
            columns.matrix[1:, columns.layout.keys[key]] = row
        rows = torch.arange(1, size + 1)
        return next(iter(self._scorer.batches(self._pairing.table, rows, columns)))


def _absent(block: Block, shown: Sequence[tuple[FeatureLayout, Tensor]]) -> Block:
    """Return rows in which some features are as in a row that has none."""
    codes, numbers, vectors = block.codes.clone(), block.numbers.clone(), dict(block.vectors)
    for feature, there in shown:
        for slot in feature.slots:
            codes[:, slot] *= there
        for slot in feature.numbers:
            numbers[:, slot] *= there
        if feature.name in vectors:
            vectors[feature.name] = vectors[feature.name] * there[:, None]
    return replace(block, codes=codes, numbers=numbers, vectors=vectors)
