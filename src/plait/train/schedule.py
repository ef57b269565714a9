"""How the learning rate changes over a run: a pure function of the step."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["factor"]


def factor(step: int, total: int, warmup: float, kind: Literal["cosine", "constant"]) -> float:
    """Return what the learning rate of a step is multiplied by.

    It rises in a straight line over the warm-up, then stays, or falls along a cosine so that it would be 0 one step after
    the last.

    Args:
        step: number of the step, from 0.
        total: steps of the whole run.
        warmup: share of them that warms up.
        kind: what follows.

    References:
        Loshchilov and Hutter 2017, SGDR, https://arxiv.org/abs/1608.03983.

    Example:
        >>> [round(factor(step, 4, 0.5, "cosine"), 2) for step in range(4)]
        [0.5, 1.0, 1.0, 0.5]
    """
    rising = round(total * warmup)
    if step < rising:
        return (step + 1) / rising
    if kind == "constant":
        return 1.0
    return (1 + math.cos(math.pi * (step - rising) / max(total - rising, 1))) / 2
