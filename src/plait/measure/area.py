"""Areas under curves: AUC and average precision, exactly under weights, and as influences where there are many classes."""

from typing import final

import numpy as np
from jaxtyping import Bool, Float, Int

from plait.measure.outcome import UndefinedError
from plait.measure.sample import Sample, Statistic, ratio

__all__ = ["Sides", "auc", "auc_influence", "average_precision", "precision_influence"]


@final
class Sides:
    """Positive and negative examples in ascending order of score, and where each positive falls among the others.

    Args:
        score: more means more likely positive.
        positive: which examples are positive.

    Raises:
        UndefinedError: a score is not finite, or there are only positives or only negatives.
    """

    def __init__(self, score: Float[np.ndarray, "N"], positive: Bool[np.ndarray, "N"]) -> None:
        if not np.isfinite(score).all():
            raise UndefinedError(f"{int((~np.isfinite(score)).sum())} predictions are not finite")
        if positive.all() or not positive.any():
            raise UndefinedError(f"all {len(positive)} labels are {int(positive.any())}")
        order = np.argsort(score, kind="stable")
        yes = positive[order]
        self.positives: Int[np.ndarray, "p"] = order[yes]
        self.negatives: Int[np.ndarray, "n"] = order[~yes]
        high, low = score[self.positives], score[self.negatives]
        self.below: Int[np.ndarray, "p"] = np.searchsorted(low, high, "left")
        """For each positive: how many negatives score less."""
        self.upto: Int[np.ndarray, "p"] = np.searchsorted(low, high, "right")
        """For each positive: how many negatives score less or the same."""
        self.first: Int[np.ndarray, "p"] = np.searchsorted(high, high, "left")
        """For each positive: the first positive of the same score."""


def _running(weights: Float[np.ndarray, "R n"]) -> Float[np.ndarray, "R n+1"]:
    """Return sums of the first 0, 1, … n weights."""
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=weights.dtype)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def auc(sample: Sample, sides: Sides) -> Statistic:
    """Make the area under the ROC curve: how often a positive scores above a negative, equal scores counting half."""

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        yes = sample.spread(drawn, sides.positives)
        no = _running(sample.spread(drawn, sides.negatives))
        total = yes.sum(axis=1) * no[:, -1].astype(np.float64)
        won = np.take(no, sides.below, axis=1)
        won += np.take(no, sides.upto, axis=1)
        won *= yes
        return ratio(won.sum(axis=1) / 2, total)

    return under


def average_precision(sample: Sample, sides: Sides) -> Statistic:
    """Make the area under the precision-recall curve: the mean over positives of the precision at their score."""

    def under(drawn: Float[np.ndarray, "R U"]) -> Float[np.ndarray, "R"]:
        weights = sample.spread(drawn, sides.positives)
        yes = _running(weights)
        no = _running(sample.spread(drawn, sides.negatives))
        right = yes[:, -1:] - np.take(yes, sides.first, axis=1)
        called = right + no[:, -1:] - np.take(no, sides.below, axis=1)
        weights *= np.divide(right, called, out=np.zeros_like(right), where=called > 0)
        return ratio(weights.sum(axis=1), yes[:, -1].astype(np.float64))

    return under


def auc_influence(sides: Sides, weight: Float[np.ndarray, "N"]) -> tuple[float, Float[np.ndarray, "N"]]:
    """Return the AUC and its derivative by each example's weight.

    References:
        DeLong, DeLong, Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 1988.
    """
    yes, no = weight[sides.positives], weight[sides.negatives]
    total_yes, total_no = yes.sum(), no.sum()
    if total_yes == 0 or total_no == 0:
        raise UndefinedError("the examples of one class weigh nothing")
    below = _running(no[None])[0]
    won = (below[sides.below] + below[sides.upto]) / (2 * total_no)
    area = float(yes @ won / total_yes)
    ahead = np.bincount(sides.below, yes, minlength=len(no) + 1)
    level = np.bincount(sides.upto, yes, minlength=len(no) + 1)
    beaten = 1 - (np.cumsum(ahead)[:-1] + np.cumsum(level)[:-1]) / (2 * total_yes)
    influence = np.empty(len(weight))
    influence[sides.positives] = (won - area) / total_yes
    influence[sides.negatives] = (beaten - area) / total_no
    return area, influence


def precision_influence(sides: Sides, weight: Float[np.ndarray, "N"]) -> tuple[float, Float[np.ndarray, "N"]]:
    """Return the average precision and its derivative by each example's weight.

    With P the precision and M the weight called positive at a positive's score, an example of score s moves the figure
    through every positive that scores s or less, by (y - P) / M each.
    """
    yes, no = weight[sides.positives], weight[sides.negatives]
    total = yes.sum()
    if total == 0:
        raise UndefinedError("the positive examples weigh nothing")
    right = total - _running(yes[None])[0][sides.first]
    called = right + no.sum() - _running(no[None])[0][sides.below]
    precision = np.divide(right, called, out=np.zeros_like(right), where=called > 0)
    area = float(yes @ precision / total)
    share = np.divide(yes, called, out=np.zeros_like(right), where=called > 0)
    by_yes, by_no = _running(share[None])[0], _running((share * precision)[None])[0]
    end = np.searchsorted(sides.first, sides.first, "right")
    reach = np.searchsorted(sides.below, np.arange(len(no)), "right")
    influence = np.empty(len(weight))
    influence[sides.positives] = (precision - area + by_yes[end] - by_no[end]) / total
    influence[sides.negatives] = -by_no[reach] / total
    return area, influence
