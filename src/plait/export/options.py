"""What a bundle should be like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

__all__ = ["Options"]


@final
@dataclass(frozen=True, slots=True)
class Options:
    """What a bundle should be like.

    Attributes:
        formula: how the tasks' scores become one, such as `click^1 * buy^2`.
        int8: turn products and vectors into whole numbers of 8 bits.
        compiled: add machine code that torch compiles, for `--runtime torch`.
        distil: teach a small body what the run says, and export that.
        prune: which share of the body's experts and units is taken out before what is left is taught.
        loss: which share of a task's metric may be lost by making the bundle smaller.
        memory: how many megabytes may be taken by what the first layers make of each item, stored to answer sooner.
    """

    formula: str | None = None
    int8: bool = False
    compiled: bool = False
    distil: bool = False
    prune: float = 0.0
    loss: float = 0.01
    memory: float = 256.0
