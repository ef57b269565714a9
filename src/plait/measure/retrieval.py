"""Figures of retrieval, from the place of the right item among all candidates."""

import numpy as np

from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean

__all__ = ["METRICS", "build", "coverage"]

METRICS = ("ndcg@10", "recall@10", "recall@100", "hit@1", "hit@3", "hit@10", "mrr", "coverage")


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights; with one right item per example, recall and hit are the same.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    sample = Sample.of(outcome)
    if len(outcome.rank) != sample.size:
        raise UndefinedError("the place of the right item is not known")
    place = np.where(outcome.rank > 0, outcome.rank.astype(np.float64), np.inf)
    match metric.split("@"):
        case ["ndcg", k]:
            return mean(sample, np.where(place <= int(k), 1 / np.log2(place + 1), 0.0))
        case ["recall" | "hit", k]:
            return mean(sample, (place <= int(k)).astype(np.float64))
        case ["mrr"]:
            return mean(sample, 1 / place)
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def coverage(outcome: Outcome) -> float:
    """Return the share of the catalogue that is among the best k of at least one example.

    A count over these very examples, not an estimate: it grows with their number, so it has no interval.

    Raises:
        UndefinedError: no lists, or an empty catalogue.
    """
    if outcome.top.size == 0 or outcome.catalogue == 0:
        raise UndefinedError("no lists of the best items were made")
    shown = np.unique(outcome.top)
    return int((shown > 0).sum()) / outcome.catalogue
