"""Rows that differ from each other, chosen one after the other."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Chosen", "badge", "k_center"]

_CHUNK = 4096


class Chosen(NamedTuple):
    """Rows in the order in which they were chosen."""

    rows: Int[np.ndarray, " K"]
    """Places in what was chosen from."""
    far: Float[np.ndarray, " K"]
    """How far each lay from everything chosen before it."""


def k_center(places: Float[np.ndarray, "N H"], count: int, known: Float[np.ndarray, "M H"] | None = None) -> Chosen:
    """Choose, again and again, the row farthest from all that is known or chosen.

        next = argmax_i min_{j known or chosen} |h_i - h_j|

    No choice of as many rows leaves the farthest row at less than half the distance that this one does. Of rows equally far
    the first is taken.

    Args:
        places: one vector per row.
        count: how many rows; all of them where there are fewer.
        known: vectors of the rows that need not be chosen; the mean of `places` where there are none.

    References:
        Gonzalez: Clustering to minimize the maximum intercluster distance, 1985; Sener, Savarese: Active Learning for
        Convolutional Neural Networks: A Core-Set Approach, ICLR 2018, https://arxiv.org/abs/1708.00489 (algorithm 1).
    """
    if not len(places):
        return Chosen(np.empty(0, dtype=np.int64), np.empty(0))
    near = _nearest(places, places.mean(axis=0, keepdims=True) if known is None or not len(known) else known)
    free = np.ones(len(places), dtype=bool)
    rows, far = [], []
    for _ in range(min(count, len(places))):
        row = int(np.where(free, near, -1.0).argmax())
        rows.append(row)
        far.append(float(np.sqrt(near[row])))
        free[row] = False
        np.minimum(near, _squares(places, places[row]), out=near)
    return Chosen(np.array(rows, dtype=np.int64), np.array(far, dtype=np.float64))


def badge(
    pulls: Float[np.ndarray, "N O"], places: Float[np.ndarray, "N H"], count: int, draw: np.random.Generator
) -> Chosen:
    """Draw rows whose gradients are long and unlike: k-means++ on g = pull x place.

        first = argmax_i |g_i|,    then P(i) ~ min_{j chosen} |g_i - g_j|^2,    <g_i, g_j> = <a_i, a_j> <h_i, h_j>

    with a the gradient at the outputs and h the vector before them, so that g, of O x H numbers, is never laid out. Long
    gradients are those of unsure predictions; that unlike ones are drawn keeps a batch from being of one kind. Where all
    that is left has the gradient of a row that was chosen, the first rows left follow.

    Args:
        pulls: the gradient of each row's loss at the outputs.
        places: the vector of each row before the outputs.
        count: how many rows; all of them where there are fewer.
        draw: where chance comes from.

    References:
        Ash et al.: Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, ICLR 2020,
        https://arxiv.org/abs/1906.03671. There h is the last hidden layer; whoever calls decides here.
    """
    length = np.einsum("no,no->n", pulls, pulls) * np.einsum("nh,nh->n", places, places).astype(np.float64)
    near = np.full(len(places), np.inf)
    free = np.ones(len(places), dtype=bool)
    rows, far = [], []
    for number in range(min(count, len(places))):
        total = near.cumsum() if number else near
        if number == 0:
            row = int(length.argmax())
        elif total[-1] > 0:
            row = min(int(np.searchsorted(total, draw.random() * total[-1], side="right")), int(near.nonzero()[0][-1]))
        else:
            row = int(free.argmax())
        rows.append(row)
        far.append(float(np.sqrt(near[row] if number else length[row])))
        free[row] = False
        both = (pulls @ pulls[row]) * (places @ places[row])
        np.minimum(near, np.maximum(length + length[row] - 2 * both, 0.0), out=near)
        near[~free] = 0.0
    return Chosen(np.array(rows, dtype=np.int64), np.array(far, dtype=np.float64))


def _nearest(places: Float[np.ndarray, "N H"], known: Float[np.ndarray, "M H"]) -> Float[np.ndarray, " N"]:
    """Return the squared distance of each row to the nearest that is known."""
    size = np.einsum("mh,mh->m", known, known).astype(np.float64)
    found = np.empty(len(places))
    for start in range(0, len(places), _CHUNK):
        rows = places[start : start + _CHUNK]
        own = np.einsum("nh,nh->n", rows, rows).astype(np.float64)
        found[start : start + _CHUNK] = (own[:, None] + size - 2.0 * (rows @ known.T)).min(axis=1)
    return np.asarray(found.clip(min=0))


def _squares(places: Float[np.ndarray, "N H"], center: Float[np.ndarray, " H"]) -> Float[np.ndarray, " N"]:
    apart = places - center
    return np.asarray(np.einsum("nh,nh->n", apart, apart), dtype=np.float64)
