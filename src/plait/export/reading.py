"""What an exported graph is fed: which vectors, encoded once, are looked up by which row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

import torch
from torch import Tensor

from plait.layout import Group, Layout, Role

__all__ = ["Input", "Reading"]

_TYPES: Final = {"float32": torch.float32, "int64": torch.int64, "bool": torch.bool}


@final
@dataclass(frozen=True, slots=True)
class Input:
    """One input of a graph.

    Attributes:
        name: what the graph calls it.
        by: what looks it up: `row`, by the row number that `key` leads to; `recent`, by the rows of the items in the history
            of the owner that `key` leads to; `there`, which of these are items and no padding; `rule`, whether the rule
            `tensor` forbids the pair; `own`, packed columns of the example: `codes`, `numbers`, or a feature's vector.
        key: the key of the examples.
        tensor: name of the stored tensor that is looked up, of the history, or of the rule.
        table: the table that the stored tensor has a row for each row of.
        shape: of what one row gives.
        dtype: as ONNX and NumPy call it.
        fixed: whether it is the same for all candidates of a request.
    """

    name: str
    by: Literal["row", "recent", "there", "rule", "own"]
    key: str
    tensor: str
    table: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "int64", "bool"]
    fixed: bool

    def zeros(self, candidates: int | torch.SymInt) -> Tensor:
        """Return an input of the right shape that holds nothing."""
        return torch.zeros(1 if self.fixed else candidates, *self.shape, dtype=_TYPES[self.dtype])


@final
class Reading:
    """How the examples of a table reach what is known of them.

    Args:
        layout: how the prepared tables look.
        table: the examples' table.
        keys: the keys that lead somewhere -> whether they lead to the same row for all examples of a request.
        own: whether the examples have columns of their own.
    """

    def __init__(self, layout: Layout, table: str, keys: dict[str, bool], own: bool = False) -> None:
        self.layout = layout
        self.table = table
        self.keys = keys
        self.own = own
        self.roles = {role.name: role for role in layout.roles if role.name in layout.paths[table]}

    @property
    def candidates(self) -> str | None:
        """The one key that leads to another row for each example of a request; None where none does, or several do."""
        found = [key for key, fixed in self.keys.items() if not fixed]
        return found[0] if len(found) == 1 else None

    def key(self, role: str) -> str | None:
        """Return the key by which a role is reached; nothing for the example's own row and for keys that lead nowhere."""
        path = self.layout.paths[self.table][role]
        return path[0] if path and path[0] in self.keys else None

    def target(self, key: str) -> str:
        """Return the table that a key leads to."""
        return self.layout.tables[self.table].targets[key]

    def further_of(self, role: str) -> bool:
        """Say whether a role is another row than the example's own."""
        return bool(self.layout.paths[self.table][role])

    def further(self, role: str) -> list[str]:
        """Return the keys to follow behind the first."""
        return self.layout.paths[self.table][role][1:]

    def of_key(self, key: str) -> list[Role]:
        """Return the roles reached by a key, histories left out."""
        return [role for name, role in self.roles.items() if role.history is None and self.key(name) == key]

    def histories(self) -> list[Role]:
        """Return the histories of owners that keys lead to."""
        return [role for name, role in self.roles.items() if role.history is not None and self.key(name) is not None]

    def asking(self, history: Role, group: Group) -> Role | None:
        """Return the role whose row asks the question of a history, as far as a group of tasks may see one."""
        for role in self.layout.roles:
            if role.table == history.table and role.history is None and role.name in group.roles and role.name in self.roles:
                return role
        return None

    def groups(self, tasks: list[str]) -> list[tuple[Group, list[str]]]:
        """Return the groups of the examples' tasks that hold some tasks, with these."""
        found = [(g, [name for name in g.tasks if name in tasks]) for g in self.layout.groups if g.table == self.table]
        return [(group, names) for group, names in found if names]
