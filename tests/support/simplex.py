"""The projection onto the simplex by other means than the code's."""

from __future__ import annotations

import numpy as np


def projected(vector: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex by bisection of its threshold."""
    low, high = vector.min() - 1, vector.max()
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(vector - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(vector - low, 0)
