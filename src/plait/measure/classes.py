"""Figures of a task with one class out of several."""

import numpy as np
from jaxtyping import Float, Int

from plait.measure.area import Sides, auc_influence
from plait.measure.calibration import calibration_error, log_loss, probability
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean, share

__all__ = ["METRICS", "Pairs", "build", "macro", "mean_auc"]

METRICS = ("accuracy", "log_loss", "auc_macro", "f1_macro", "precision_macro", "recall_macro", "ece")

Pairs = tuple[Int[np.ndarray, "_"], Int[np.ndarray, "_"]]
"""(example, class) pairs: the examples, and the class of each."""

_MOST_SORTED = 30_000_000


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights; macro figures are means over the classes that occur.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    chance = probability(outcome.prediction)
    label = outcome.label[:, 0].astype(np.int64)
    called = chance.argmax(axis=1)
    match metric:
        case "accuracy":
            return mean(sample, (called == label).astype(np.float64))
        case "log_loss":
            return mean(sample, log_loss(np.take_along_axis(chance, label[:, None], axis=1)[:, 0]))
        case "ece":
            return calibration_error(sample, chance.max(axis=1), (called == label).astype(np.float64))
        case "auc_macro":
            return mean_auc(sample, chance, [np.flatnonzero(label == c) for c in range(chance.shape[1])])
        case "precision_macro" | "recall_macro" | "f1_macro":
            rows, right = np.arange(len(label)), called == label
            return macro(metric, sample, (rows[right], label[right]), (rows, called), (rows, label), chance.shape[1])
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def macro(metric: str, sample: Sample, right: Pairs, called: Pairs, true: Pairs, classes: int) -> Statistic:
    """Make the mean of precision, recall or F1 over the classes that are called or true.

    Args:
        metric: `precision_macro`, `recall_macro` or `f1_macro`.
        sample: the examples.
        right: pairs that are called and true.
        called: pairs that are called.
        true: pairs that are true.
        classes: how many classes there are.

    Raises:
        UndefinedError: no class is called or true.
    """
    hits, calls, trues = (
        np.bincount(numbers, sample.weight[rows], minlength=classes) for rows, numbers in (right, called, true)
    )
    share_called = {"precision_macro": 1.0, "recall_macro": 0.0}.get(metric, 0.5)
    below = share_called * calls + (1 - share_called) * trues
    present = calls + trues > 0
    if not present.any():
        raise UndefinedError("no class is called or true")
    per = np.divide(1.0, below, out=np.zeros(classes), where=below > 0) / present.sum()
    figure = hits * per
    moved = _moved(sample, right, per)
    moved -= share_called * _moved(sample, called, figure * per * present.sum())
    moved -= (1 - share_called) * _moved(sample, true, figure * per * present.sum())
    return share(sample, float(figure.sum()), moved * sample.weight.sum())


def _moved(sample: Sample, pairs: Pairs, amount: Float[np.ndarray, "C"]) -> Float[np.ndarray, "N"]:
    """Add up a number per class over the pairs of each example."""
    rows, numbers = pairs
    # numpy counts in whole numbers where there is nothing to count
    return np.bincount(rows, amount[numbers], minlength=sample.size).astype(np.float64)


def mean_auc(sample: Sample, chance: Float[np.ndarray, "N C"], positives: list[Int[np.ndarray, "_"]]) -> Statistic:
    """Make the mean over classes of the AUC of that class against the others, over classes with both labels.

    Raises:
        UndefinedError: no class has both labels, or there is too much to sort.
    """
    if chance.size > _MOST_SORTED:
        raise UndefinedError(f"left out: too much to sort, {len(chance)} examples for each of {chance.shape[1]} classes")
    areas, moves = [], np.zeros(sample.size)
    for number, rows in enumerate(positives):
        if 0 < len(rows) < sample.size:
            yes = np.zeros(sample.size, dtype=bool)
            yes[rows] = True
            area, influence = auc_influence(Sides(chance[:, number], yes), sample.weight)
            areas.append(area)
            moves += influence
    if not areas:
        raise UndefinedError("no class has both labels")
    return share(sample, float(np.mean(areas)), moves * (sample.weight.sum() / len(areas)))
