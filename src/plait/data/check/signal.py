"""How well one column alone predicts a label: areas, accuracies, shares of variance, out of fold. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["area", "area_by_value", "explained_by_value", "hits_by_value"]

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

_FOLDS = 5
_PRIOR = 0.5


def area(score: Floats, label: Floats) -> float:
    """Compute the area under the ROC curve, ties counted half.

    Args:
        score: finite numbers.
        label: 0 or 1.

    Returns:
        The area, at least .5 (a column that predicts backwards predicts); .5 where one class is missing.
    """
    ones = float(label.sum())
    zeros = len(label) - ones
    if ones == 0 or zeros == 0:
        return 0.5
    distinct, place, times = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(times) - (times - 1) / 2
    found = (float(rank[place][label > 0].sum()) - ones * (ones + 1) / 2) / (ones * zeros)
    return max(found, 1 - found) if len(distinct) > 1 else 0.5


def _elsewhere(codes: Longs, folds: Longs, weight: Floats) -> Floats:
    """Sum a weight over the rows of the same value in the other folds, for each row."""
    size = int(codes.max(initial=0)) + 1
    whole = np.bincount(codes, weights=weight, minlength=size)
    own = np.bincount(codes * _FOLDS + folds, weights=weight, minlength=size * _FOLDS)
    return np.asarray(whole[codes] - own[codes * _FOLDS + folds], dtype=np.float64)


def _folds(rows: int) -> Longs:
    """Give rows to folds by a hash of their number, so that the order of the rows does not matter."""
    mixed = np.arange(rows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(40)) % np.uint64(_FOLDS)).astype(np.int64)


def area_by_value(codes: Longs, label: Floats) -> float:
    """Compute the area under the ROC curve of the rate of each value in the other folds.

    Args:
        codes: number of each row's value, from 0.
        label: 0 or 1.
    """
    folds = _folds(len(codes))
    ones = _elsewhere(codes, folds, label)
    rows = _elsewhere(codes, folds, np.ones(len(codes)))
    rate = float(label.mean())
    score = (ones + _PRIOR * rate) / (rows + _PRIOR)
    # Folds are ranked each on its own: the rate of the rest is lower where a fold has more ones.
    areas = [area(score[folds == fold], label[folds == fold]) for fold in range(_FOLDS)]
    return float(np.mean(areas))


def hits_by_value(codes: Longs, classes: Longs) -> float:
    """Compute how often the most frequent class of a row's value in the other folds is the row's own.

    Args:
        codes: number of each row's value, from 0.
        classes: class number of each row, from 0.
    """
    folds = _folds(len(codes))
    values, kinds = int(codes.max(initial=0)) + 1, int(classes.max(initial=0)) + 1
    pairs, place, times = np.unique(codes * kinds + classes, return_inverse=True, return_counts=True)
    own = np.bincount(place * _FOLDS + folds, minlength=len(pairs) * _FOLDS).reshape(-1, _FOLDS)
    rest = times[:, None] - own
    common = int(np.bincount(classes).argmax())
    hits = 0
    for fold in range(_FOLDS):
        best = np.full(values, common)
        order = np.argsort(rest[:, fold], kind="stable")
        seen = order[rest[order, fold] > 0]
        best[pairs[seen] // kinds] = pairs[seen] % kinds
        inside = folds == fold
        hits += int((best[codes[inside]] == classes[inside]).sum())
    return hits / len(codes)


def explained_by_value(codes: Longs, target: Floats) -> float:
    """Compute the share of a number's variance that the mean of each value in the other folds explains; 0 where none."""
    variance = float(target.var())
    if variance == 0:
        return 0.0
    folds = _folds(len(codes))
    total = _elsewhere(codes, folds, target)
    rows = _elsewhere(codes, folds, np.ones(len(codes)))
    mean = float(target.mean())
    guess = np.where(rows > 0, total / np.maximum(rows, 1), mean)
    return max(0.0, 1 - float(np.mean((target - guess) ** 2)) / variance)
