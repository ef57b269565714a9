"""What a model learns from rows without a label: they are read twice, and what the two readings cost is taken down."""

from collections.abc import Mapping
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from plait.data.batches import Batch
from plait.model.encoder import slot
from plait.tasks.base import Head
from plait.tasks.unlabelled.base import Unlabelled, distributions

__all__ = ["Learning"]


@final
class Learning(nn.Module):
    """Everything a model does with rows without a label.

    Args:
        ways: task -> what it learns from them.
        drop: task -> the share of the numbers of an example that its second reading leaves out.
        several: the tasks whose classes are questions of their own.
    """

    def __init__(
        self, ways: Mapping[str, Unlabelled], drop: Mapping[str, float], several: frozenset[str] = frozenset()
    ) -> None:
        super().__init__()
        self.names = list(ways)
        self.ways = nn.ModuleDict({slot(name): way for name, way in ways.items()})
        self._drop, self._several = drop, several
        self._done = 0.0
        self._seen: list[Tensor] = []

    def before_step(self, done: float) -> None:
        """Hear how much of the training is behind, from 0 to 1."""
        self._done = done

    def wanted(self, batch: Batch) -> dict[str, Int[Tensor, " b"]]:
        """Return the tasks that learn from examples of a batch without a label, with their places in it."""
        found = {}
        for name in self.names:
            if name in batch.labels:
                places = batch.labels[name][:, 0].isnan().nonzero().flatten()
                if len(places):
                    found[name] = places
        return found

    def leave_out(self, name: str, x: Float[Tensor, "views B D"]) -> Float[Tensor, "views B D"]:
        """Leave a random part of every example out; what is left counts for more, so that sums stay."""
        return functional.dropout(x, self._drop[name], training=self.training)

    def see(self, name: str, head: Head, seen: Float[Tensor, "b H"], partly: Float[Tensor, "b H"]) -> None:
        """Take down what the predictions for some examples cost.

        Args:
            name: the task.
            head: its head.
            seen: the task's vectors of the examples.
            partly: the same with a part of every example left out.
        """
        several = name in self._several
        both = [distributions(head.predict(head(hidden).float()), several) for hidden in (seen, partly)]
        way = self.ways[slot(name)]
        assert isinstance(way, Unlabelled)
        self._seen.append(way(both[0], both[1], self._done))

    def take(self) -> Float[Tensor, ""] | None:
        """Return what was taken down since the last call, and forget it."""
        seen, self._seen = self._seen, []
        return torch.stack(seen).sum() if seen else None
