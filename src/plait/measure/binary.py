"""Figures of a yes-or-no task (and of relatedness, which says yes or no to a pair)."""

import numpy as np
from jaxtyping import Bool, Float, Real

from plait.measure.area import Sides, auc, average_precision
from plait.measure.calibration import calibration_error, log_loss, probability
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean, ratio

__all__ = ["METRICS", "build", "quotient"]

METRICS = (
    "auc",
    "auc_per_user",
    "pr_auc",
    "log_loss",
    "ece",
    "predicted_over_observed",
    "accuracy",
    "precision",
    "recall",
    "f1",
)


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    Accuracy, precision, recall and F1 call an example positive from a probability of one half.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    yes = outcome.label[:, 0] > 0.5
    score = outcome.prediction[:, 0]
    match metric:
        case "auc":
            return auc(sample, Sides(score, yes))
        case "auc_per_user":
            return auc_per_user(sample, score, yes)
        case "pr_auc":
            return average_precision(sample, Sides(score, yes))
        case "log_loss":
            chance = probability(outcome.prediction)[:, 0]
            return mean(sample, log_loss(np.where(yes, chance, 1 - chance)))
        case "ece":
            return calibration_error(sample, probability(outcome.prediction)[:, 0], yes.astype(np.float64))
        case "predicted_over_observed":
            return quotient(sample, probability(outcome.prediction)[:, 0], yes.astype(np.float64), "no label is 1")
        case _:
            return counted(metric, sample, probability(outcome.prediction)[:, 0] >= 0.5, yes)


def quotient(sample: Sample, above: Real[np.ndarray, "N"], below: Real[np.ndarray, "N"], reason: str) -> Statistic:
    """Make the ratio of two weighted sums.

    Raises:
        UndefinedError: the lower sum is 0 over all examples; `reason` says what that means.
    """
    if below @ sample.weight == 0:
        raise UndefinedError(reason)
    sums = sample.sums(above, below)

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        top, bottom = sums(drawn)
        return ratio(top, bottom)

    return under


def counted(metric: str, sample: Sample, called: Bool[np.ndarray, "N"], yes: Bool[np.ndarray, "N"]) -> Statistic:
    """Make a figure of the table of called against true."""
    hit = (called & yes).astype(np.float64)
    match metric:
        case "accuracy":
            return mean(sample, (called == yes).astype(np.float64))
        case "precision":
            return quotient(sample, hit, called.astype(np.float64), "no example is called positive")
        case "recall":
            return quotient(sample, hit, yes.astype(np.float64), "no label is 1")
        case "f1":
            return quotient(sample, hit, (called * 0.5 + yes * 0.5), "no label is 1 and no example is called positive")
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def auc_per_user(sample: Sample, score: Float[np.ndarray, "N"], yes: Bool[np.ndarray, "N"]) -> Statistic:
    """Make the mean AUC inside users that have both labels, each weighing as much as its examples.

    Whole users are drawn, so a user's own AUC is the same in every resample.

    References:
        Zhu et al., "Optimized cost per click in Taobao display advertising", KDD 2017 (GAUC).
    """
    if sample.unit is None:
        raise UndefinedError("the task names no user column (`group`)")
    if not np.isfinite(score).all():
        raise UndefinedError(f"{int((~np.isfinite(score)).sum())} predictions are not finite")
    order = np.lexsort((score, sample.unit))
    unit, value = sample.unit[order], score[order]
    one = np.where(yes, sample.weight, 0.0)[order]
    zero = np.where(yes, 0.0, sample.weight)[order]
    new = np.append(True, (unit[1:] != unit[:-1]) | (value[1:] != value[:-1]))
    tie = np.cumsum(new) - 1
    ones, zeros, owner = np.bincount(tie, one), np.bincount(tie, zero), unit[new]
    before = np.cumsum(zeros) - zeros
    start = before[np.append(True, owner[1:] != owner[:-1])]
    won = np.bincount(owner, ones * (before - start[owner] + zeros / 2), minlength=sample.units)
    positive = np.bincount(owner, ones, minlength=sample.units)
    negative = np.bincount(owner, zeros, minlength=sample.units)
    both = (positive > 0) & (negative > 0)
    if not both.any():
        raise UndefinedError("no user has both labels")
    area = np.divide(won, positive * negative, out=np.zeros_like(won), where=both)
    size = np.where(both, positive + negative, 0.0)

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        exact = drawn.astype(np.float64)
        return ratio(exact @ (area * size), exact @ size)

    return under
