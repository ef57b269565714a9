"""Which domain each example is of, where the body asks for it."""

from typing import final

import torch
from jaxtyping import Int
from torch import Tensor

from plait.data.batches import Batch
from plait.layout import Group, Layout

__all__ = ["Domains"]


@final
class Domains:
    """Read the numbers of domains off a feature.

    Args:
        layout: how the prepared tables look.
        feature: the `table.column` that says the domain; none where the body does not ask.

    Attributes:
        places: the roles that hold it: role, its slot, its first code.
    """

    def __init__(self, layout: Layout, feature: str | None) -> None:
        self.feature = feature
        held = [(role, f) for role in layout.roles if role.history is None for f in layout.tables[role.table].features]
        self.places = [(role.name, f.slots[0], f.first) for role, f in held if f.name == feature and len(f.slots) == 1]

    def of(self, batch: Batch, group: Group) -> Int[Tensor, "B"] | None:
        """Return each example's domain: 0 where it is unknown, or these tasks may not see it."""
        if self.feature is None:
            return None
        for role, place, first in self.places:
            if role in batch.roles and role in group.roles and f"{role}/{self.feature}" not in group.hidden:
                return (batch.roles[role].codes[:, place].long() - first).clamp(min=0)
        return torch.zeros_like(batch.rows)
