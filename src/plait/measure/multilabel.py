"""Figures of a task with any number of classes per example."""

import numpy as np
from jaxtyping import Bool, Float

from plait.measure.area import Sides, precision_influence
from plait.measure.binary import quotient
from plait.measure.calibration import calibration_error, log_loss, probability
from plait.measure.classes import Pairs, macro, mean_auc
from plait.measure.outcome import Outcome
from plait.measure.sample import Sample, Statistic, mean, share

__all__ = ["METRICS", "build", "dense"]

METRICS = ("pr_auc", "auc_macro", "f1_micro", "f1_macro", "precision_micro", "recall_micro", "log_loss", "ece", "accuracy")


def dense(label: Float[np.ndarray, "N L"], classes: int) -> Bool[np.ndarray, "N C"]:
    """Turn class numbers padded with -1 into one yes or no per class."""
    yes = np.zeros((len(label), classes), dtype=bool)
    rows, slots = np.nonzero(label >= 0)
    yes[rows, label[rows, slots].astype(np.int64)] = True
    return yes


def pairs(table: Bool[np.ndarray, "N C"]) -> Pairs:
    """List the (example, class) pairs of a table of yes and no."""
    rows, numbers = np.nonzero(table)
    return rows, numbers


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    Every (example, class) pair is a yes-or-no question; micro figures, `pr_auc`, `accuracy`, `log_loss` and `ece` take all
    questions together, macro figures are means over classes. A class is called from a probability of one half.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    chance = probability(outcome.prediction)
    yes, called = dense(outcome.label, chance.shape[1]), chance >= 0.5
    match metric:
        case "pr_auc":
            weight = np.repeat(sample.weight, chance.shape[1])
            area, influence = precision_influence(Sides(chance.ravel(), yes.ravel()), weight)
            return share(sample, area, influence.reshape(chance.shape).sum(axis=1) * sample.weight.sum())
        case "auc_macro":
            return mean_auc(sample, chance, [np.flatnonzero(column) for column in yes.T])
        case "f1_macro":
            return macro(metric, sample, pairs(yes & called), pairs(called), pairs(yes), chance.shape[1])
        case "log_loss":
            return mean(sample, log_loss(np.where(yes, chance, 1 - chance)).mean(axis=1))
        case "accuracy":
            return mean(sample, (called == yes).mean(axis=1))
        case "ece":
            return calibration_error(sample, chance, yes.astype(np.float64))
        case "precision_micro":
            return quotient(sample, (yes & called).sum(axis=1), called.sum(axis=1), "no class is called")
        case "recall_micro":
            return quotient(sample, (yes & called).sum(axis=1), yes.sum(axis=1), "no example has a class")
        case "f1_micro":
            both = (yes.sum(axis=1) + called.sum(axis=1)) / 2
            return quotient(sample, (yes & called).sum(axis=1), both, "no example has a class and no class is called")
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")
