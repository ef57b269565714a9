"""The rows of a table encoded once: everything a graph looks up by their numbers, as tensors with a row for each."""

from collections.abc import Sequence
from typing import Final, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.batches import block
from plait.data.columns import Prepared
from plait.export.reading import Reading
from plait.layout import Group, Role
from plait.model import MultiTaskModel
from plait.model.encoder import HistoryRole, slot
from plait.tasks.base import TwoTower

__all__ = ["Encoding", "hidden_features", "variant"]

_CHUNK: Final = 4_096


def hidden_features(model: MultiTaskModel, role: Role, group: Group) -> tuple[str, ...]:
    """Return the features of a role that must be left out before a row is encoded, since it mixes them with others."""
    encoder = model.encoder.row_encoder(role.table)
    named = [*encoder.spans, *encoder.given]
    found = [name for name in dict.fromkeys(named) if f"{role.name}/{name}" in group.hidden]
    return tuple(found) if encoder.mixes else ()


def variant(role: str, hidden: Sequence[str]) -> str:
    """Name the tensor of a role's rows without some features."""
    return f"role:{role}" + "".join(f"-{name}" for name in hidden)


@final
class Encoding:
    """Encodes what keys lead to.

    Args:
        model: the model.
        prepared: the tables.
        reading: how examples reach their rows.
        tasks: the tasks that will be scored, of which two-tower tasks have places.
    """

    def __init__(self, model: MultiTaskModel, prepared: Prepared, reading: Reading, tasks: list[str]) -> None:
        self._model = model
        self._prepared = prepared
        self._reading = reading
        self._tasks = tasks

    def tables(self) -> list[str]:
        """Return the tables whose rows are looked up."""
        found = [self._reading.target(key) for key in self._reading.keys]
        return list(dict.fromkeys([*found, *(role.table for role in self._reading.histories())]))

    def of_table(self, table: str, rows: Int[Tensor, " n"] | None = None) -> dict[str, Tensor]:
        """Return what is looked up of a table.

        Args:
            table: the table.
            rows: only these rows; all where not said, row 0 included.
        """
        if rows is None:
            rows = torch.arange(self._prepared.tables[table].matrix.shape[0])
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            for key in self._reading.keys:
                if self._reading.target(key) == table:
                    found |= self._of_key(key, rows)
            for history in self._reading.histories():
                if history.table == table:
                    found[f"past:{history.name}"] = self._projected(history, table, rows)
            for name in self._tasks:
                if self._prepared.layout.tasks[name].target == table:
                    found[f"place:{name}"] = self._places(name, rows)
        return {name: tensor.contiguous() for name, tensor in found.items()}

    def _of_key(self, key: str, rows: Int[Tensor, " n"]) -> dict[str, Tensor]:
        """Encode what is reached by one key from each row of its table."""
        reading, found = self._reading, dict[str, Tensor]()
        for role in reading.of_key(key):
            reached = self._follow(reading.target(key), rows, reading.further(role.name))
            for group, _ in reading.groups(self._tasks):
                if role.name in group.roles:
                    hidden = hidden_features(self._model, role, group)
                    name = variant(role.name, hidden)
                    if name not in found:
                        found[name] = self._encoded(role.table, reached, hidden)
            domain = self._domain(role, reached)
            if domain is not None:
                found[f"domain:{role.name}"] = domain
            for history in self._asked_by(role):
                if role.table != reading.target(key) or reading.further(role.name):
                    found[f"query:{history.name}"] = self._projected(history, role.table, reached)
        return found

    def _asked_by(self, role: Role) -> list[Role]:
        """Return the histories that a role's rows ask."""
        groups = [group for group, _ in self._reading.groups(self._tasks)]
        return [h for h in self._reading.histories() if any(self._reading.asking(h, g) == role for g in groups)]

    def _follow(self, table: str, rows: Int[Tensor, " n"], keys: Sequence[str]) -> Int[Tensor, " n"]:
        for key in keys:
            columns = self._prepared.tables[table]
            rows = columns.matrix[:, columns.layout.keys[key]].index_select(0, rows).long()
            table = columns.layout.targets[key]
        return rows

    def _encoded(self, table: str, rows: Int[Tensor, " n"], hidden: Sequence[str]) -> Float[Tensor, "n V"]:
        """Encode rows, all views of each side by side; each distinct one once."""
        distinct, places = torch.unique(rows, return_inverse=True)
        chunks = [
            self._model.encoder.block(table, block(self._prepared, table, chunk), hidden).float().transpose(0, 1).flatten(1)
            for chunk in torch.split(distinct, _CHUNK)
        ]
        return torch.cat(chunks).index_select(0, places)

    def _projected(self, history: Role, table: str, rows: Int[Tensor, " n"]) -> Float[Tensor, "n W"]:
        """Encode rows as a history reads them."""
        module = self._model.encoder.histories[slot(history.name)]
        assert isinstance(module, HistoryRole)
        width = module.project.in_features
        projected: Tensor = module.project(self._encoded(table, rows, ())[:, :width])
        return projected

    def _places(self, task: str, rows: Int[Tensor, " n"]) -> Float[Tensor, "n R"]:
        head, target = self._model.head(task), self._prepared.layout.tasks[task].target
        assert isinstance(head, TwoTower) and target is not None
        width = self._model.encoder.row_width(target)
        encoded = torch.split(self._encoded(target, rows, ())[:, :width], _CHUNK)
        return torch.cat([head.candidates(chunk).float() for chunk in encoded])

    def _domain(self, role: Role, rows: Int[Tensor, " n"]) -> Int[Tensor, " n"] | None:
        """Return the number of each row's domain, where this role says it."""
        for name, place, first in self._model.domains.places:
            if name == role.name:
                codes = self._prepared.tables[role.table].matrix[:, place].index_select(0, rows)
                return (codes.long() - first).clamp(min=0)
        return None
