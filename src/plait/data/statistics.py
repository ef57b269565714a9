"""Numbers made fit to learn from: a transform for heavy tails, a standard scale, a mark for missing ones."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from plait.schema import Settings

__all__ = ["NumberPlan", "fit", "transform"]

Floats = npt.NDArray[np.float64]
_HEAVY: Final = 10.0
_TIED: Final = 0.5
_CACHED: Final = 1 << 14
_KNOTS: Final = 256
_EDGES: Final = 127
_FARTHEST: Final = 16.0
_LARGEST: Final = 1e140
"""Numbers beyond this count as this while fitting, so that their squares stay finite."""


class NumberPlan(Settings):
    """How a number becomes the value in the packed matrix."""

    transform: Literal["none", "log", "quantile"]
    """`log`: sign(x) log(1 + |x| / scale). `quantile`: the normal quantile of the value's rank."""
    scale: float = 1.0
    knots: list[float] = Field(default_factory=list)
    """quantile: outside values, ascending."""
    levels: list[float] = Field(default_factory=list)
    """quantile: the normal quantile at each knot."""
    mean: float = 0.0
    """Of the transformed values of the training part."""
    std: float = 1.0
    missing: bool = False
    """Whether the training part has missing values, so that an indicator is worth its place."""
    edges: list[float] = Field(default_factory=list)
    """Of the final values, ascending, none twice: all distinct ones where there are few, else inner quantiles."""


def fit(train: Floats, wanted: Literal["auto", "none", "log", "quantile"], missing: bool = False) -> NumberPlan:
    """Choose and fit the transform of one column.

    `auto` takes `none` where the excess kurtosis is at most 10; else `log` where that brings the kurtosis down to 10, or
    where one value makes up half of the column (ranks would leave the rest no room); else `quantile`.

    Args:
        train: the column over the training part, or a sample of it; infinite and NaN are missing.
        wanted: the transform of the recipe.
        missing: whether a row outside the sample is missing.
    """
    finite = np.isfinite(train)
    missing = missing or not bool(finite.all())
    sample = np.sort(np.clip(train[finite], -_LARGEST, _LARGEST))
    if not len(sample):
        return NumberPlan(transform="none", missing=missing)
    kind = _choose(sample) if wanted == "auto" else wanted
    plan = NumberPlan(transform=kind, missing=missing)
    if kind == "log":
        plan = plan.model_copy(update={"scale": _scale(sample)})
    elif kind == "quantile":
        knots, levels = _ranks(sample)
        plan = plan.model_copy(update={"knots": knots, "levels": levels})
    shaped = _shape(plan, sample)
    mean = float(shaped.mean())
    std = float(shaped.std())
    # A constant column may come out of the sum with a deviation of rounding size, which would blow noise up.
    std = std if std > 1e-12 * max(1.0, abs(mean)) else 1.0
    plan = plan.model_copy(update={"mean": mean, "std": std})
    return plan.model_copy(update={"edges": _edges(transform(plan, sample)[0])})


def transform(plan: NumberPlan, values: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Apply a plan, piece by piece so that a piece stays in the processor's cache.

    Returns:
        float32 values, 0 (the mean) where missing, no farther from 0 than 16; and which are missing.
    """
    result = np.empty(len(values), np.float32)
    missing = np.empty(len(values), np.bool_)
    for start in range(0, len(values), _CACHED):
        part, gone = values[start : start + _CACHED], missing[start : start + _CACHED]
        np.logical_not(np.isfinite(part, out=gone), out=gone)
        some = gone.any()
        if some:
            part = np.where(gone, plan.mean, part)
        with np.errstate(over="ignore"):
            # What overflows is cut to the farthest value like everything else out there.
            shaped = _shape(plan, part)
            shaped -= plan.mean
            shaped /= plan.std
        np.clip(shaped, -_FARTHEST, _FARTHEST, out=shaped)
        if some:
            np.copyto(shaped, 0.0, where=gone)
        result[start : start + _CACHED] = shaped
    return result, missing


def _shape(plan: NumberPlan, values: Floats) -> Floats:
    if plan.transform == "log":
        with np.errstate(invalid="ignore"):
            size = np.abs(values)
            size /= plan.scale
            # Not log1p, which has no vector form; what it would add is below the precision of float32.
            size += 1.0
            return np.copysign(np.log(size, out=size), values, out=size)
    if plan.transform == "quantile":
        return np.interp(values, plan.knots, plan.levels)
    return values.copy()


def _kurtosis(values: Floats) -> float:
    centred = values - values.mean()
    centred *= centred
    variance = float(centred.mean())
    if variance <= 0:
        return 0.0
    centred /= variance
    centred *= centred
    return float(centred.mean()) - 3.0


def _scale(ordered: Floats) -> float:
    """Take what counts as small: the first decile of the sizes of numbers that are not 0."""
    size = np.abs(ordered[ordered != 0])
    return max(float(np.quantile(size, 0.1)), 1 / _LARGEST) if len(size) else 1.0


def _choose(ordered: Floats) -> Literal["none", "log", "quantile"]:
    if _kurtosis(ordered) <= _HEAVY:
        return "none"
    log = np.copysign(np.log(1.0 + np.abs(ordered) / _scale(ordered)), ordered)
    _, times = np.unique(ordered, return_counts=True)
    return "log" if _kurtosis(log) <= _HEAVY or times.max() >= _TIED * len(ordered) else "quantile"


def _ranks(ordered: Floats) -> tuple[list[float], list[float]]:
    """Pair up to 256 values with the normal quantile of the middle of their ranks."""
    knots = np.unique(np.quantile(ordered, np.linspace(0, 1, _KNOTS), method="nearest"))
    low, high = np.searchsorted(ordered, knots, "left"), np.searchsorted(ordered, knots, "right")
    middle = (low + high) / (2 * len(ordered))
    normal = NormalDist()
    floor = 1 / (2 * _KNOTS)
    return knots.tolist(), [normal.inv_cdf(min(max(float(p), floor), 1 - floor)) for p in middle]


def _edges(values: npt.NDArray[np.float32]) -> list[float]:
    """Take inner quantiles in which one frequent value counts for no more than one of them, so that others keep theirs."""
    distinct, times = np.unique(values, return_counts=True)
    if len(distinct) < 2:
        return []
    if len(distinct) <= _EDGES:
        return [float(v) for v in distinct]
    weight = np.minimum(times, len(values) / (_EDGES + 1))
    reached = np.cumsum(weight) / weight.sum()
    places = np.searchsorted(reached, np.arange(1, _EDGES + 1) / (_EDGES + 1))
    return [float(v) for v in distinct[np.unique(places)]]
