"""Figures of ranked lists: each list gives one number per figure, lists are drawn together."""

from typing import final

import numpy as np
from jaxtyping import Float, Int

from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean

__all__ = ["METRICS", "Lists", "build"]

METRICS = ("ndcg@10", "recall@10", "hit@10", "mrr")


@final
class Lists:
    """Scored lists in descending order of score, list after list, with ties found.

    Equal scores have no order, so each figure takes what it is on average over their orders, or, for the place of the first
    relevant item, its mean place: a model that scores everything the same gains nothing by the order of the rows.

    Args:
        score: more means nearer to the top.
        relevance: 0 for not relevant; more is better.
        unit: which list each item belongs to, numbered from 0 without gaps.
    """

    def __init__(self, score: Float[np.ndarray, "N"], relevance: Float[np.ndarray, "N"], unit: Int[np.ndarray, "N"]) -> None:
        order = np.lexsort((-score, unit))
        self.unit, ordered = unit[order], score[order]
        self.relevance = relevance[order]
        self.count = int(self.unit[-1]) + 1
        new_list = np.append(True, self.unit[1:] != self.unit[:-1])
        self.starts = np.flatnonzero(new_list)
        self.place = np.arange(len(order)) - self.starts[self.unit]
        new_tie = new_list | np.append(True, ordered[1:] != ordered[:-1])
        self.tie = np.cumsum(new_tie) - 1
        self.size = np.bincount(self.tie)
        self.first = self.place[new_tie]
        self.owner = self.unit[new_tie]

    def total(self, amounts: Float[np.ndarray, "N"]) -> Float[np.ndarray, "G"]:
        """Add up a number per item over each list."""
        sums: Float[np.ndarray, "G"] = np.bincount(self.unit, amounts, minlength=self.count)
        return sums

    def shared(self, amounts: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
        """Replace a number per place by its mean over the places of equal scores."""
        means: Float[np.ndarray, "T"] = np.bincount(self.tie, amounts) / self.size
        return np.take(means, self.tie)

    def ndcg(self, k: int) -> Float[np.ndarray, "G"]:
        """Return the discounted relevance of the first k over the most it could be; gains are linear in the relevance."""
        discount = np.where(self.place < k, 1 / np.log2(self.place + 2), 0.0)
        best = np.lexsort((-self.relevance, self.unit))
        ideal = self.total(self.relevance[best] * discount)
        reached = self.total(self.relevance * self.shared(discount))
        gained: Float[np.ndarray, "G"] = np.divide(reached, ideal, out=np.zeros(self.count), where=ideal > 0)
        return gained

    def recall(self, k: int) -> Float[np.ndarray, "G"]:
        """Return the share of the relevant items that are among the first k."""
        relevant = (self.relevance > 0).astype(np.float64)
        found = self.total(relevant * self.shared((self.place < k).astype(np.float64)))
        share: Float[np.ndarray, "G"] = found / np.maximum(self.total(relevant), 1)
        return share

    def first_place(self) -> Float[np.ndarray, "G"]:
        """Return the place of the first relevant item, 1 for the top; infinite where there is none."""
        relevant = np.bincount(self.tie, self.relevance > 0)
        place = np.where(relevant > 0, self.first + (self.size + 1) / (relevant + 1), np.inf)
        best = np.full(self.count, np.inf)
        np.minimum.at(best, self.owner, place)
        return best


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights of lists; lists without a relevant item are left out.

    A list weighs as much as its items do on average.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    whole = Sample.of(outcome)
    score, relevance = outcome.prediction[:, 0].astype(np.float64), outcome.label[:, 0].astype(np.float64)
    if not np.isfinite(score).all():
        raise UndefinedError(f"{int((~np.isfinite(score)).sum())} predictions are not finite")
    if whole.unit is None:
        raise UndefinedError("the task names no column that makes lists (`group`)")
    if relevance.min() < 0:
        raise UndefinedError("a relevance is less than 0")
    lists = Lists(score, relevance, whole.unit)
    match metric.split("@"):
        case ["ndcg", k]:
            figure = lists.ndcg(int(k))
        case ["recall", k]:
            figure = lists.recall(int(k))
        case ["hit", k]:
            figure = (lists.first_place() <= int(k)).astype(np.float64)
        case ["mrr"]:
            figure = 1 / lists.first_place()
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")
    items = np.bincount(whole.unit, minlength=whole.units)
    weight = np.bincount(whole.unit, whole.weight, minlength=whole.units) / items
    weight = np.where(np.bincount(whole.unit, relevance, minlength=whole.units) > 0, weight, 0.0)
    if weight.sum() == 0:
        raise UndefinedError("no list has a relevant item")
    return mean(Sample(weight, np.empty(0, dtype=np.int64), whole.units), figure)
