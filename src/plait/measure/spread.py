"""The mean of a few independent measurements with its 95 % interval."""

from collections.abc import Sequence

import numpy as np

from plait.measure.outcome import Interval

__all__ = ["mean_interval", "student"]

_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
_NORMAL = 1.959964


def student(freedom: int) -> float:
    r"""Return the 97.5 % quantile of Student's t.

    A table up to 10 degrees of freedom; beyond, with z the quantile of the normal distribution and n the degrees,

    .. math:: t \approx z + \frac{z^3 + z}{4n} + \frac{5z^5 + 16z^3 + 3z}{96n^2}

    which is right to three decimals there (Abramowitz and Stegun 1964, 26.7.5).
    """
    if freedom <= len(_QUANTILES):
        return _QUANTILES[max(freedom, 1) - 1]
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def mean_interval(values: Sequence[float | None]) -> Interval:
    """Return the mean of the values that are known and its interval by Student's t.

    The values should come from draws that do not overlap, or the interval is too narrow.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return Interval.undefined("never measured")
    mean = float(known.mean())
    if len(known) < 3:
        return Interval(mean, float("nan"), float("nan"), f"too few draws for an interval: {len(known)}")
    reach = student(len(known) - 1) * float(known.std(ddof=1)) / len(known) ** 0.5
    return Interval(mean, mean - reach, mean + reach)
