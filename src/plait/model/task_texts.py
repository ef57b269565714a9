"""What each task reads of texts through adapters of its own, added to its vector."""

from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from plait.data.batches import Batch
from plait.data.text.words import distinct
from plait.encode.text.live import LiveText
from plait.encode.vectors import VectorEncoder
from plait.layout import Group, Layout
from plait.model.encoder import slot

__all__ = ["TaskTexts"]


@final
class TaskTexts(nn.Module):
    """Add to each task's vector what it reads of the example's texts with its own adapters.

    The body reads texts as the frozen encoder gives them, the same for all; the vector of task t becomes
    h_t + sum over texts of LayerNorm(W LayerNorm(v_t)), v_t being the text as read with the adapters of t. All of it is the
    task's own, so that tasks cannot disturb each other there. Texts of histories are read through the body alone.

    Args:
        layout: how the prepared tables look.
        dim: length of a text's vector.
        width: H, the length of a task's vector.
    """

    def __init__(self, layout: Layout, dim: int, width: int) -> None:
        super().__init__()
        self.seen = {task: _seen(layout, group) for group in layout.groups for task in group.tasks}
        self.project = nn.ModuleDict(
            {slot(task): nn.ModuleList([VectorEncoder(dim, width) for _ in seen]) for task, seen in self.seen.items()}
        )

    def forward(
        self, texts: LiveText, batch: Batch, tasks: Sequence[str], numbers: Sequence[int]
    ) -> list[Float[Tensor, "B H"] | None]:
        """Return what is added to the vectors of tasks that see the same inputs; nothing where these hold no text.

        Args:
            texts: the encoder.
            batch: the examples.
            tasks: their names.
            numbers: their numbers.
        """
        seen = self.seen[tasks[0]]
        if not seen:
            return [None for _ in tasks]
        found, places = [], []
        for role, feature in seen:
            block = batch.roles[role]
            assert block.texts is not None
            needed, place = torch.unique(block.words[feature].cpu(), return_inverse=True)
            found.append(block.texts.take(needed))
            places.append(place)
        joined, moved = distinct(found)
        read = texts.of_tasks(joined.ids, joined.lengths, numbers)
        where = [to.index_select(0, place).to(read.device) for to, place in zip(moved, places, strict=True)]
        return [self._sum(task, [own.index_select(0, at) for at in where]) for task, own in zip(tasks, read, strict=True)]

    def own(self, task: str) -> list[nn.Parameter]:
        """Return the parameters of a task."""
        return list(self.project[slot(task)].parameters())

    def _sum(self, task: str, vectors: Sequence[Float[Tensor, "B dim"]]) -> Float[Tensor, "B H"]:
        projections = self.project[slot(task)]
        assert isinstance(projections, nn.ModuleList)
        parts = [project(vector) for project, vector in zip(projections, vectors, strict=True)]
        return torch.stack(parts).sum(0)


def _seen(layout: Layout, group: Group) -> list[tuple[str, str]]:
    """List the texts that a group of tasks sees: role and feature."""
    return [
        (role.name, feature.name)
        for role in layout.roles
        if role.history is None and role.name in group.roles and role.name in layout.paths[group.table]
        for feature in layout.tables[role.table].features
        if feature.tokens and f"{role.name}/{feature.name}" not in group.hidden
    ]
