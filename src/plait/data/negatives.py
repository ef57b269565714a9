"""Candidates drawn against the right answer of a retrieval task: half of them popular, half of them any."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plait.data.columns import PARTS, Prepared
from plait.data.gather import Block, block
from plait.data.seeds import generator

__all__ = ["NegativeSampler", "Negatives", "popularity"]


@dataclass(frozen=True, slots=True)
class Negatives:
    """Sampled candidates of one step for one task."""

    block: Block
    """The candidates' rows of the target table."""
    log_q: Float[Tensor, " rows"]
    """For every row of the target table, row 0 included, the log of the chance that a draw hits it."""
    kinds: Mapping[str, Int[Tensor, " rows"]] = field(default_factory=dict)
    """Rule about the task -> of what kind each row of the target table is to it."""

    def to(self, device: torch.device) -> "Negatives":
        """Return the same candidates on a device."""
        kinds = {name: numbers.to(device, non_blocking=True) for name, numbers in self.kinds.items()}
        return Negatives(block=self.block.to(device), log_q=self.log_q.to(device, non_blocking=True), kinds=kinds)


@final
class NegativeSampler:
    """Draw candidates for one two-tower task, a pure function of seed, epoch and step.

    In-batch candidates come with the popularity of the training rows, so half of the draws do too, and the other half is
    uniform: a candidate that never was an answer must also learn that it is none. A draw hits row i with chance
    q(i) = (count(i) / sum(count) + 1 / rows) / 2, and `log_q` is its logarithm, for the correction of
    `Yi et al. 2019, Sampling-bias-corrected neural modeling <https://doi.org/10.1145/3298689.3346996>`_.

    Args:
        prepared: the prepared recipe.
        task: a retrieval or relatedness task.
        count: candidates per step.
        seed: the recipe's seed.

    Attributes:
        log_q: see `Negatives.log_q`; row 0, which is never drawn, counts like an answer never given.
    """

    def __init__(self, prepared: Prepared, task: str, count: int, seed: int) -> None:
        layout = prepared.layout.tasks[task]
        if layout.target is None:
            raise ValueError(
                f"`{task}` should be a retrieval or relatedness task, which has candidates. Found `{layout.kind}`."
            )
        self._prepared, self._table = prepared, layout.target
        self._task = task
        rules = prepared.layout.rules
        self._kinds = {n: kinds for n, kinds in prepared.rule_kinds.items() if n in rules and rules[n].task == task}
        self._seed = seed
        counts = popularity(prepared, task)
        rows = counts.numel() - 1
        self._count = count if rows > 0 else 0
        self._ends = counts[1:].cumsum(0)
        uniform = torch.full((rows + 1,), 1.0 / max(rows, 1), dtype=torch.float64)
        self.log_q = ((counts.double() / counts.sum().clamp(min=1) + uniform) / 2).log().float()

    def rows(self, epoch: int, index: int) -> Int[Tensor, " N"]:
        """Return the row numbers drawn for a step: the first half by popularity, the rest uniformly."""
        draw = generator(self._seed, "negatives", self._task, epoch, index)
        rows = self._ends.numel()
        total = int(self._ends[-1]) if rows else 0
        popular = self._count // 2 if total else 0
        ticks = torch.randint(max(total, 1), (popular,), generator=draw)
        places = torch.searchsorted(self._ends, ticks, right=True)
        anyone = torch.randint(max(rows, 1), (self._count - popular,), generator=draw)
        return torch.cat([places, anyone]) + 1

    def draw(self, epoch: int, index: int) -> Negatives:
        """Return the candidates of a step with their rows gathered."""
        rows = block(self._prepared, self._table, self.rows(epoch, index))
        return Negatives(block=rows, log_q=self.log_q, kinds=self._kinds)


def popularity(prepared: Prepared, task: str) -> Int[Tensor, " rows"]:
    """Count how often each row of the target table is the answer of a training row; row 0 is never one.

    For relatedness only the related pairs count.
    """
    layout = prepared.layout.tasks[task]
    assert layout.target is not None and layout.target_role is not None
    columns = prepared.tables[layout.table]
    label = columns.labels[task][:, 0]
    taken = (columns.part == PARTS["train"]) & ~label.isnan()
    if layout.kind == "relatedness":
        taken &= label > 0
    rows = taken.nonzero().flatten()
    for key in prepared.layout.paths[layout.table][layout.target_role]:
        rows = columns.matrix[:, columns.layout.keys[key]].index_select(0, rows).long()
        columns = prepared.tables[columns.layout.targets[key]]
    counts = torch.bincount(rows, minlength=columns.matrix.shape[0])
    counts[0] = 0
    return counts
