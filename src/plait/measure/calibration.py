"""Whether predicted probabilities come true: bins of equal numbers of examples, their error, their picture."""

import numpy as np
from jaxtyping import Bool, Float, Int

from plait.measure.outcome import UndefinedError
from plait.measure.sample import Sample, Statistic, share

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


def log_loss(chance: Float[np.ndarray, "*N_Q"]) -> Float[np.ndarray, "*N_Q"]:
    """Return the loss of each example from the probability given to what happened, in nats."""
    loss: Float[np.ndarray, "*N_Q"] = -np.log(np.clip(chance, _SMALLEST, 1))
    return loss


def bins(predicted: Float[np.ndarray, "N"], count: int) -> Int[np.ndarray, "N"]:
    """Put examples in bins of about equal numbers, ascending; equal predictions stay together.

    Bins of equal width would hold all examples of a rare event in one.
    """
    inner = np.unique(np.quantile(predicted, np.arange(1, count) / count, method="inverted_cdf"))
    place: Int[np.ndarray, "N"] = np.searchsorted(inner, predicted, "left")
    return place


def calibration_error(
    sample: Sample, predicted: Float[np.ndarray, "*N_Q"], observed: Float[np.ndarray, "*N_Q"]
) -> Statistic:
    """Make the expected calibration error: the mean distance over bins between predicted and observed rate.

    Resamples move it through the influence of each example: recomputed, the error of a resample has the noise of the
    resample on top of the sample's own, and lies above the value.

    Args:
        sample: the examples.
        predicted: a probability for each example, or for each of several questions about it.
        observed: 0 or 1 for each.

    References:
        Nguyen, O'Connor, "Posterior calibration and exploratory analysis for natural language processing models", EMNLP 2015
        (bins of equal numbers); Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    place = bins(predicted.ravel(), BINS).reshape(sample.size, -1)
    gap = (predicted - observed).reshape(sample.size, -1)
    total = sample.weight.sum() * gap.shape[1]
    gaps = np.bincount(place.ravel(), (gap * sample.weight[:, None]).ravel())
    value = float(np.abs(gaps).sum() / total)
    return share(sample, value, (gap * np.sign(gaps)[place]).mean(axis=1) - value)


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
