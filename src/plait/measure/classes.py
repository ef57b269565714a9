"""Figures of a task with one class out of several."""

import numpy as np
from jaxtyping import Float, Int

from plait.measure.area import Sides, auc_influence
from plait.measure.calibration import calibration_error, log_loss, probability
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, linear, mean, ratio

__all__ = ["METRICS", "Counts", "build", "macro", "mean_auc"]

METRICS = ("accuracy", "log_loss", "auc_macro", "f1_macro", "precision_macro", "recall_macro", "ece")

Counts = tuple[Float[np.ndarray, "R C"], Float[np.ndarray, "R C"], Float[np.ndarray, "R C"]]
"""Per resample and class: weight called so and so indeed, weight called so, weight that is so."""

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
            pairs = ((rows[right], label[right]), (rows, called), (rows, label))
            return macro(metric, sample, pairs, chance.shape[1])
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def per_class(
    sample: Sample, drawn: Float[np.ndarray, "R U"], pair: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]], classes: int
) -> Float[np.ndarray, "R C"]:
    """Add up the weights of (example, class) pairs per class, in time that does not grow with the number of classes."""
    rows, numbers = pair
    totals = np.zeros((len(drawn), classes))
    if len(rows):
        order = np.argsort(numbers, kind="stable")
        present, starts = np.unique(numbers[order], return_index=True)
        totals[:, present] = np.add.reduceat(sample.spread(drawn, rows[order]), starts, axis=1)
    return totals


def macro(
    metric: str,
    sample: Sample,
    pairs: tuple[tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]], ...],
    classes: int,
) -> Statistic:
    """Make the mean over classes of precision, recall or F1, over the classes that are called or true.

    Args:
        metric: `precision_macro`, `recall_macro` or `f1_macro`.
        sample: the examples.
        pairs: (example, class) pairs that are called rightly, called, and true.
        classes: how many classes there are.
    """

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        hit, called, true = (per_class(sample, drawn, pair, classes) for pair in pairs)
        below = {"precision_macro": called, "recall_macro": true}.get(metric, (called + true) / 2)
        share = np.divide(hit, below, out=np.zeros_like(hit), where=below > 0)
        return ratio(share.sum(axis=1), ((called + true) > 0).sum(axis=1))

    return under


def mean_auc(sample: Sample, chance: Float[np.ndarray, "N C"], positives: list[Int[np.ndarray, "n"]]) -> Statistic:
    """Make the mean over classes of the AUC of that class against the others, over classes with both labels.

    Raises:
        UndefinedError: no class has both labels, or there is too much to sort.
    """
    if chance.size > _MOST_SORTED:
        raise UndefinedError(f"left out: sorting {len(chance)} examples for each of {chance.shape[1]} classes takes too long")
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
    return linear(sample, float(np.mean(areas)), moves * (sample.weight.sum() / len(areas)))
