"""Figures of a task that predicts a quantity: regression, and amounts with many zeros and a heavy tail."""

import numpy as np
from jaxtyping import Float

from plait.measure.binary import quotient
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, linear, mean, ratio, share

__all__ = ["AMOUNT_METRICS", "METRICS", "QUANTILE_METRICS", "build"]

METRICS = ("rmse", "mae", "r2", "spearman")
QUANTILE_METRICS = ("pinball", "quantile_error", *METRICS)
AMOUNT_METRICS = ("gini", "rmse", "mae", "r2", "spearman", "predicted_over_observed")


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    value = outcome.prediction[:, 0].astype(np.float64)
    label = outcome.label[:, 0].astype(np.float64)
    if not np.isfinite(value).all():
        raise UndefinedError(f"{int((~np.isfinite(value)).sum())} predictions are not finite")
    match metric:
        case "rmse":
            squares = mean(sample, (value - label) ** 2)
            return lambda drawn: np.sqrt(np.maximum(squares(drawn), 0))
        case "mae":
            return mean(sample, np.abs(value - label))
        case "r2":
            return r2(sample, value, label)
        case "spearman":
            return spearman(sample, value, label)
        case "gini":
            return gini(sample, value, label)
        case "predicted_over_observed":
            return quotient(sample, value, label, "the labels sum to 0")
        case "pinball" | "quantile_error":
            levels = np.array(outcome.levels)
            quantiles = outcome.prediction[:, -len(levels) :].astype(np.float64)
            return (pinball if metric == "pinball" else quantile_error)(sample, quantiles, label, levels)
        case _:
            known = ", ".join(dict.fromkeys((*AMOUNT_METRICS, *QUANTILE_METRICS)))
            raise ValueError(f"`metric` should be one of {known}. Found `{metric}`.")


def pinball(
    sample: Sample, quantiles: Float[np.ndarray, "N Q"], label: Float[np.ndarray, "N"], levels: Float[np.ndarray, "Q"]
) -> Statistic:
    """Make the mean pinball loss over examples and levels, in the label's unit; half the MAE where the level is 0.5.

    References:
        Koenker, Bassett, "Regression quantiles", Econometrica 1978.
    """
    missed = label[:, None] - quantiles
    return mean(sample, np.maximum(levels * missed, (levels - 1) * missed).mean(axis=1))


def quantile_error(
    sample: Sample, quantiles: Float[np.ndarray, "N Q"], label: Float[np.ndarray, "N"], levels: Float[np.ndarray, "Q"]
) -> Statistic:
    """Make the mean distance over levels between a level and the share of labels at or below its quantile.

    0 says that as many labels lie below as should; a label with few values cannot reach it. Resamples move it through the
    influence of each example, as those of the calibration error of a probability.
    """
    beyond = (label[:, None] <= quantiles) - levels
    gap = np.average(beyond, axis=0, weights=sample.weight)
    value = float(np.abs(gap).mean())
    return share(sample, value, (beyond * np.sign(gap)).mean(axis=1) - value)


def r2(sample: Sample, value: Float[np.ndarray, "N"], label: Float[np.ndarray, "N"]) -> Statistic:
    """Make the share of the labels' variance that the prediction explains; below 0 where their mean would do better."""
    _varied(label, "labels")
    centred = label - label.mean()
    sums = sample.sums((value - label) ** 2, centred**2, centred, np.ones(sample.size))

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        missed, squares, total, count = sums(drawn)
        return 1 - ratio(missed, squares - ratio(total**2, count))

    return under


def ranks(sample: Sample, values: Float[np.ndarray, "N"]) -> tuple[Float[np.ndarray, "N"], "_Order"]:
    """Return weighted mid-ranks as shares of the whole, centred on 0, and the order that made them."""
    order = _Order(values)
    running = np.append(0.0, np.cumsum(sample.weight[order.rows]))
    middle = (running[order.start] + running[order.end]) / (2 * running[-1])
    return middle - 0.5, order


class _Order:
    """Where each example falls when values are put in ascending order."""

    def __init__(self, values: Float[np.ndarray, "N"]) -> None:
        self.rows = np.argsort(values, kind="stable")
        ordered = values[self.rows]
        self.start = np.searchsorted(ordered, values, "left")
        self.end = np.searchsorted(ordered, values, "right")

    def above(self, amounts: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """Return, for each example, the sum of amounts over examples with more, those with the same counting half."""
        running = np.append(0.0, np.cumsum(amounts[self.rows]))
        middle: Float[np.ndarray, "N"] = running[-1] - (running[self.start] + running[self.end]) / 2
        return middle


def _moment(
    sample: Sample, first: tuple[Float[np.ndarray, "N"], "_Order"], second: tuple[Float[np.ndarray, "N"], "_Order | None"]
) -> tuple[float, Float[np.ndarray, "N"]]:
    """Return the weighted mean of a product in which one factor or both are ranks, and its influence.

    An example moves the mean by its own product and, through the rank of every example above it, by the other factor.
    """
    share = sample.weight / sample.weight.sum()
    (a, order), (b, other) = first, second
    value = float(share @ (a * b))
    through = order.above(share * b)
    influence = a * b - value + through - float(share @ through)
    if other is not None:
        back = other.above(share * a)
        influence = influence + back - float(share @ back)
    return value, influence


def spearman(sample: Sample, value: Float[np.ndarray, "N"], label: Float[np.ndarray, "N"]) -> Statistic:
    """Make Spearman's correlation of ranks; its resamples move through the influence of each example."""
    _varied(label, "labels")
    _varied(value, "predictions")
    x, y = ranks(sample, value), ranks(sample, label)
    both = [linear(sample, *_moment(sample, *pair)) for pair in ((x, y), (x, x), (y, y))]

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        joint, first, second = (moment(drawn) for moment in both)
        correlation: Float[np.ndarray, "R"] = np.clip(ratio(joint, np.sqrt(np.maximum(first * second, 0))), -1, 1)
        return correlation

    return under


def gini(sample: Sample, value: Float[np.ndarray, "N"], label: Float[np.ndarray, "N"]) -> Statistic:
    """Make the normalised Gini coefficient: how much of the total those ranked high hold, 1 for the best order, 0 for none.

    It asks who spends more, whatever the scale, so a few very large amounts do not decide as they do in the RMSE.

    References:
        Wang, Liu, Miao, "A deep probabilistic model for customer lifetime value prediction", 2019.
    """
    _varied(label, "labels")
    shifted = label - float(np.average(label, weights=sample.weight))
    x, y = ranks(sample, value), ranks(sample, label)
    reached, best = (linear(sample, *_moment(sample, pair, (shifted, None))) for pair in (x, y))
    return lambda drawn: ratio(reached(drawn), best(drawn))


def _varied(values: Float[np.ndarray, "N"], what: str) -> None:
    if (values == values[0]).all():
        raise UndefinedError(f"all {what} are {values[0]:g}")
