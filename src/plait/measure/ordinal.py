"""Figures of a task whose classes have an order: stars, severity."""

import numpy as np
from jaxtyping import Float, Int

from plait.measure.calibration import log_loss, probability
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean, ratio

__all__ = ["METRICS", "build", "levels"]

METRICS = ("mae", "rmse", "kappa", "accuracy", "within_one", "log_loss")


def levels(chance: Float[np.ndarray, "N C"]) -> Int[np.ndarray, "N"]:
    """Return the median level of each example, which makes the mean distance to the true level smallest."""
    passed = (np.cumsum(chance, axis=1) < 0.5).sum(axis=1)
    level: Int[np.ndarray, "N"] = np.minimum(passed, chance.shape[1] - 1)
    return level


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights; distances are counted in levels.

    `mae`, `kappa` (with quadratic weights), `accuracy` and `within_one` take the median level; `rmse` the expected one.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    chance = probability(outcome.prediction)
    label = outcome.label[:, 0].astype(np.float64)
    called = levels(chance).astype(np.float64)
    distance = np.abs(called - label)
    match metric:
        case "mae":
            return mean(sample, distance)
        case "rmse":
            squares = mean(sample, (chance @ np.arange(chance.shape[1]) - label) ** 2)
            return lambda drawn: np.sqrt(np.maximum(squares(drawn), 0))
        case "kappa":
            return kappa(sample, called, label)
        case "accuracy":
            return mean(sample, (distance == 0).astype(np.float64))
        case "within_one":
            return mean(sample, (distance <= 1).astype(np.float64))
        case "log_loss":
            return mean(sample, log_loss(np.take_along_axis(chance, label.astype(np.int64)[:, None], axis=1)[:, 0]))
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def kappa(sample: Sample, called: Float[np.ndarray, "N"], label: Float[np.ndarray, "N"]) -> Statistic:
    """Make Cohen's kappa with quadratic weights: 1 - squared distance / squared distance expected by chance.

    References:
        Cohen, "Weighted kappa", Psychological Bulletin 1968.
    """
    if (called == called[0]).all() and (label == called[0]).all():
        raise UndefinedError(f"all labels and predictions are level {int(called[0])}")
    sums = sample.sums((called - label) ** 2, called**2 + label**2, called, label, np.ones(sample.size))

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        apart, squares, first, second, count = sums(drawn)
        return 1 - ratio(apart, squares - 2 * ratio(first * second, count))

    return under
