"""Whether predicted probabilities come true: bins of equal numbers of examples, their error, their picture."""

import numpy as np
from jaxtyping import Bool, Float, Int

from plait.measure.outcome import UndefinedError
from plait.measure.sample import Sample, Statistic, ratio

__all__ = ["BINS", "bins", "calibration_error", "curve", "log_loss", "probability"]

BINS = 15
_SMALLEST = 1e-7


def probability(prediction: Float[np.ndarray, "N P"]) -> Float[np.ndarray, "N P"]:
    """Return predictions as float64 after making sure that they are probabilities.

    Raises:
        UndefinedError: a prediction is not finite or outside [0, 1].
    """
    values = prediction.astype(np.float64)
    if not np.isfinite(values).all():
        raise UndefinedError(f"{int((~np.isfinite(values)).sum())} predictions are not finite")
    if values.min() < -1e-5 or values.max() > 1 + 1e-5:
        raise UndefinedError("the predictions are scores, not probabilities")
    return np.clip(values, 0, 1)


def log_loss(chance: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    """Return the loss of each example from the probability given to what happened, in nats."""
    return -np.log(np.clip(chance, _SMALLEST, 1))


def bins(predicted: Float[np.ndarray, "N"], count: int) -> Int[np.ndarray, "N"]:
    """Put examples in bins of about equal numbers, ascending; equal predictions stay together.

    Bins of equal width would hold all examples of a rare event in one.
    """
    inner = np.unique(np.quantile(predicted, np.arange(1, count) / count, method="inverted_cdf"))
    return np.searchsorted(inner, predicted, "left")


def calibration_error(sample: Sample, predicted: Float[np.ndarray, "N"], observed: Float[np.ndarray, "N"]) -> Statistic:
    """Make the expected calibration error: the mean distance over bins between predicted and observed rate.

    References:
        Nguyen, O'Connor, "Posterior calibration and exploratory analysis for natural language processing models", EMNLP 2015
        (bins of equal numbers); Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    place = bins(predicted, BINS)
    gap = predicted - observed
    columns = [np.where(place == b, gap, 0.0) for b in range(int(place.max()) + 1)]
    sums = sample.sums(*columns, np.ones(sample.size))

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        *gaps, count = sums(drawn)
        return ratio(np.abs(gaps).sum(axis=0), count)

    return under


def curve(
    predicted: Float[np.ndarray, "N"], observed: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"], count: int
) -> list[tuple[float, float, int]]:
    """Return the points of a reliability diagram: mean prediction, observed mean and number of examples per bin."""
    if len(predicted) == 0 or not np.isfinite(predicted).all():
        return []
    place = bins(predicted, count)
    size = np.bincount(place)
    x = np.bincount(place, predicted) / np.maximum(size, 1)
    y = np.bincount(place, observed) / np.maximum(size, 1)
    return [(float(x[b]), float(y[b]), int(size[b])) for b in np.flatnonzero(size)]
