"""Which of several solutions are beaten in everything by another one: what lies on the Pareto front and what behind it."""

from collections.abc import Sequence

import numpy as np

__all__ = ["dominated"]


def dominated(points: Sequence[Sequence[float]], larger: Sequence[bool]) -> list[list[int]]:
    """Return for each point the numbers of the points that dominate it; none for a point on the front.

    A point dominates another when it is at least as good in every figure and better in one. A point with a figure that is
    not known neither dominates nor is dominated.

    Args:
        points: figures of each point, all of one length.
        larger: per figure whether more is better.
    """
    if not points:
        return []
    signs = np.where(np.asarray(larger, dtype=bool), 1.0, -1.0)
    values = np.asarray(points, dtype=np.float64) * signs
    known = np.asarray(np.isfinite(values).all(axis=1))
    # beats[i, j]: point j dominates point i
    beats = (values[None] >= values[:, None]).all(axis=2) & (values[None] > values[:, None]).any(axis=2)
    beats &= known[:, None] & known[None]
    return [np.flatnonzero(row).tolist() for row in beats]
