"""From weights of bootstrap units to weights of examples: every figure is a function of how often each unit was drawn."""

from collections.abc import Callable
from typing import final

import numpy as np
from jaxtyping import Float, Int, Real

from plait.measure.outcome import Outcome, UndefinedError

__all__ = ["Sample", "Statistic", "linear", "mean", "ratio", "share"]

Statistic = Callable[[Float[np.ndarray, "R U"]], Float[np.ndarray, "R"]]
"""A figure under R resamples at once: how often each of U units was drawn -> the figure's value; NaN where undefined."""


@final
class Sample:
    """The examples of an outcome, the weight of each, and the unit it is drawn with.

    Weights of units come as float64 for the value itself and as float32 for the resamples; results follow.

    Args:
        weight: how much each example counts; empty where all count the same.
        unit: unit of each example; empty where each example is its own.
        size: number of examples.

    Raises:
        UndefinedError: no example, or weights that are negative, not finite or sum to 0.
    """

    def __init__(self, weight: Float[np.ndarray, "W"], unit: Int[np.ndarray, "V"], size: int) -> None:
        if size == 0:
            raise UndefinedError("no examples")
        self.size = size
        self.weight = weight.astype(np.float64) if len(weight) else np.ones(size)
        if not np.isfinite(self.weight).all() or self.weight.min() < 0 or self.weight.sum() <= 0:
            raise UndefinedError("sample weights should be finite, 0 or more, and not all 0")
        self.plain = bool((self.weight == 1).all())
        self.unit: Int[np.ndarray, "N"] | None = None
        self.units = size
        if len(unit):
            known, numbers = np.unique(unit, return_inverse=True)
            self.units, self.unit = len(known), numbers

    @classmethod
    def of(cls, outcome: Outcome) -> "Sample":
        """Take weights and units from an outcome."""
        return cls(outcome.weight, outcome.unit, len(outcome))

    def spread(self, drawn: Float[np.ndarray, "R U"], rows: Int[np.ndarray, "n"]) -> Float[np.ndarray, "R n"]:
        """Return the weights of chosen examples under each resample."""
        weights: Float[np.ndarray, "R n"] = np.take(drawn, rows if self.unit is None else self.unit[rows], axis=1)
        return weights if self.plain else weights * self.weight[rows].astype(drawn.dtype)

    def gather(self, columns: Float[np.ndarray, "N M"]) -> Float[np.ndarray, "U M"]:
        """Weigh numbers of examples and add them up per unit."""
        weighted = columns * self.weight[:, None]
        if self.unit is None:
            return weighted
        totals = [np.bincount(self.unit, weighted[:, i], minlength=self.units) for i in range(columns.shape[1])]
        return np.stack(totals, axis=1)

    def sums(self, *columns: Real[np.ndarray, "N"]) -> Callable[[Float[np.ndarray, "R U"]], list[Float[np.ndarray, "R"]]]:
        """Prepare weighted sums of numbers of the examples.

        One pass over the weights per column on one core: with a few columns, a matrix product on several cores is not faster
        alone and many times slower beside other work.
        """
        table = self.gather(np.stack(columns, axis=1).astype(np.float64)).T.copy()
        single = table.astype(np.float32)

        def under(drawn: Float[np.ndarray, "R U"]) -> list[Float[np.ndarray, "R"]]:
            rows = single if drawn.dtype == np.float32 else table
            return [np.einsum("ru,u->r", drawn, row).astype(np.float64) for row in rows]

        return under

    def ones(self) -> Float[np.ndarray, "1 U"]:
        """Return the weights under which a statistic is the figure itself."""
        return np.ones((1, self.units))


def ratio(above: Float[np.ndarray, "R"], below: Float[np.ndarray, "R"]) -> Float[np.ndarray, "R"]:
    """Divide; NaN where there is nothing to divide by."""
    result = np.full(np.shape(below), np.nan)
    np.divide(above, below, out=result, where=below != 0)
    return result


def mean(sample: Sample, column: Float[np.ndarray, "N"]) -> Statistic:
    """Make the statistic of a weighted mean over examples."""
    centre = float(np.average(column, weights=sample.weight))
    sums = sample.sums(column - centre, np.ones(sample.size))

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        total, count = sums(drawn)
        return np.clip(centre + ratio(total, count), column.min(), column.max())

    return under


def share(sample: Sample, value: float, influence: Float[np.ndarray, "N"]) -> Statistic:
    """Make the statistic of a figure between 0 and 1 as `linear` does, kept between 0 and 1."""
    free = linear(sample, value, influence)
    return lambda drawn: np.clip(free(drawn), 0, 1)


def linear(sample: Sample, value: float, influence: Float[np.ndarray, "N"]) -> Statistic:
    """Make the statistic of a figure from its value and how much each example moves it (the infinitesimal bootstrap).

    A resample costs one product, where the figure itself would cost a sort per class.

    Args:
        sample: the examples.
        value: the figure on all examples.
        influence: derivative of the figure by each example's weight, times the weight of all examples.

    References:
        Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", SIAM 1982, chapter 6.
    """
    sums = sample.sums(influence, np.ones(sample.size))

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        moved, count = sums(drawn)
        return value + ratio(moved, count)

    return under
