"""How unsure predictions are: which rows' labels a model would learn most from."""

from typing import Literal

import numpy as np
from jaxtyping import Float

__all__ = ["Doubt", "spread", "surprise", "uncertainty"]

Doubt = Literal["entropy", "margin", "least_confident"]


def uncertainty(chances: Float[np.ndarray, "N C"], by: Doubt, several: bool = False) -> Float[np.ndarray, " N"]:
    r"""Compute how unsure each prediction is, from 0 for certain to 1 for even odds.

        entropy          -sum_c p_c log p_c / log C
        margin           1 - (p_(1) - p_(2)),    p_(1) and p_(2) the two largest
        least_confident  (1 - p_(1)) C / (C - 1)

    With two classes all three put rows in the same order.

    Args:
        chances: the chance of each class; of a single column, the chance of yes.
        by: how.
        several: each column is a question of its own, answered yes or no; the mean over them is returned.

    Relations:
        `entropy` minds all classes, `margin` only the two likeliest, which suits many classes with long tails of small
        chances; `least_confident` lies between.

    References:
        Settles: Active Learning Literature Survey, 2009, section 3.1, https://burrsettles.com/pub/settles.activelearning.pdf.
    """
    p = np.asarray(chances, dtype=np.float64)
    if several:
        return _unsure(np.stack([1 - p, p], axis=2), by).mean(axis=1) if p.shape[1] else np.zeros(len(p))
    return _unsure(p if p.shape[1] > 1 else np.concatenate([1 - p, p], axis=1), by)


def _unsure(p: Float[np.ndarray, "*rows C"], by: Doubt) -> Float[np.ndarray, "*rows"]:
    classes = p.shape[-1]
    match by:
        case "entropy":
            log = np.log(p, out=np.zeros_like(p), where=p > 0)
            found = -(p * log).sum(axis=-1) / np.log(classes)
        case "margin":
            top = np.partition(p, classes - 2, axis=-1)[..., -2:]
            found = 1 - (top[..., 1] - top[..., 0])
        case "least_confident":
            found = (1 - p.max(axis=-1)) * classes / (classes - 1)
    return np.asarray(found.clip(0, 1))


def spread(quantiles: Float[np.ndarray, "N Q"], unit: float) -> Float[np.ndarray, " N"]:
    """Return how far the outermost quantiles of each prediction lie apart, in units such as the label's deviation."""
    values = np.asarray(quantiles, dtype=np.float64)
    return np.asarray((values.max(axis=1) - values.min(axis=1)) / (unit or 1.0))


def surprise(chances: Float[np.ndarray, "N C"], several: bool = False) -> Float[np.ndarray, "N O"]:
    """Return the gradient of the log loss at the outputs, were each prediction's likeliest answer the label: p - [c = c*].

    Args:
        chances: the chance of each class; of a single column, the chance of yes.
        several: each column is a question of its own.
    """
    p = np.asarray(chances, dtype=np.float64)
    if several:
        return p - (p > 0.5)
    p = p if p.shape[1] > 1 else np.concatenate([1 - p, p], axis=1)
    return np.asarray(p - (np.arange(p.shape[1]) == p.argmax(axis=1)[:, None]))
