"""The mean of a few independent measurements with its interval."""

from collections.abc import Sequence

import numpy as np

from plait.measure.outcome import Interval

__all__ = ["mean_interval", "student"]


def student(freedom: int, chance: float = 0.95) -> float:
    r"""Return how many standard errors to either side of a mean hold it with that chance, by Student's t.

    With n degrees of freedom and t = \sqrt n \tan\theta, the chance to be within t is

    .. math:: \int_0^\theta \cos^{n-1} \Big/ \int_0^{\pi/2} \cos^{n-1}

    which is summed up on a fine grid, and rounded to three decimals as the printed tables are.
    """
    angles = np.linspace(0.0, np.pi / 2, 20_001)
    density = np.cos(angles) ** (freedom - 1)
    inside = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return round(float(freedom**0.5 * np.tan(np.interp(chance, inside / inside[-1], angles))), 3)


def mean_interval(values: Sequence[float | None], chance: float = 0.95) -> Interval:
    """Return the mean of the values that are known and its interval by Student's t.

    The values should come from draws that do not overlap, or the interval is too narrow.

    Args:
        values: one per draw.
        chance: how often such intervals hold what is measured.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return Interval.undefined("never measured")
    mean = float(known.mean())
    if len(known) < 3:
        return Interval(mean, float("nan"), float("nan"), f"too few draws for an interval: {len(known)}")
    reach = student(len(known) - 1, chance) * float(known.std(ddof=1)) / len(known) ** 0.5
    return Interval(mean, mean - reach, mean + reach)
