"""One figure for all tasks."""

from collections.abc import Iterable

import numpy as np

from plait.measure.outcome import Gain

__all__ = ["combined"]


def combined(gains: Iterable[Gain]) -> float:
    """Return the mean relative gain over tasks (Δm); tasks without a gain are left out, NaN where none has one.

    References:
        Maninis, Radosavovic, Kokkinos, "Attentive single-tasking of multiple tasks", CVPR 2019.
    """
    known = [gain.value for gain in gains if np.isfinite(gain.value)]
    return float(np.mean(known)) if known else float("nan")
