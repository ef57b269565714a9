"""Figures of a task with any number of classes per example."""

import numpy as np
from jaxtyping import Bool, Float

from plait.measure.area import Sides, precision_influence
from plait.measure.binary import counted
from plait.measure.calibration import calibration_error, log_loss, probability
from plait.measure.classes import macro, mean_auc
from plait.measure.outcome import Outcome
from plait.measure.sample import Sample, Statistic, linear, mean

__all__ = ["METRICS", "build", "dense"]

METRICS = ("pr_auc", "auc_macro", "f1_micro", "f1_macro", "precision_micro", "recall_micro", "log_loss", "ece", "accuracy")


def dense(label: Float[np.ndarray, "N L"], classes: int) -> Bool[np.ndarray, "N C"]:
    """Turn class numbers padded with -1 into one yes or no per class."""
    yes = np.zeros((len(label), classes), dtype=bool)
    rows, slots = np.nonzero(label >= 0)
    yes[rows, label[rows, slots].astype(np.int64)] = True
    return yes


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
            area, influence = precision_influence(Sides(chance.ravel(), yes.ravel()), np.repeat(sample.weight, chance.shape[1]))
            return linear(sample, area, influence.reshape(chance.shape).sum(axis=1) * sample.weight.sum())
        case "auc_macro":
            return mean_auc(sample, chance, [np.flatnonzero(column) for column in yes.T])
        case "f1_macro":
            pairs = tuple((where[0], where[1]) for where in (np.nonzero(yes & called), np.nonzero(called), np.nonzero(yes)))
            return macro(metric, sample, pairs, chance.shape[1])
        case "log_loss":
            return mean(sample, log_loss(np.where(yes, chance, 1 - chance)).mean(axis=1))
        case "accuracy":
            return mean(sample, (called == yes).mean(axis=1))
        case "ece":
            return calibration_error(questions(sample, chance.shape[1]), chance.ravel(), yes.ravel().astype(np.float64))
        case "f1_micro" | "precision_micro" | "recall_micro":
            name = metric.removesuffix("_micro")
            return counted(name, questions(sample, chance.shape[1]), called.ravel(), yes.ravel())
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def questions(sample: Sample, classes: int) -> Sample:
    """Return the sample of (example, class) pairs, drawn with their examples."""
    unit = np.arange(sample.size) if sample.unit is None else sample.unit
    return Sample(np.repeat(sample.weight, classes), np.repeat(unit, classes), sample.size * classes)
