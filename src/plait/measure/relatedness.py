"""Figures of pairs: yes or no where unrelated pairs are known too, else places of the right one among all candidates."""

import numpy as np

from plait.measure import binary, retrieval
from plait.measure.outcome import Outcome, UndefinedError
from plait.measure.sample import Sample, Statistic, mean

__all__ = ["METRICS", "build", "figures"]

_PAIRS = tuple(name for name in binary.METRICS if name != "auc_per_user")
METRICS = (*_PAIRS, *retrieval.METRICS)


def figures(outcome: Outcome) -> tuple[str, ...]:
    """Name the figures that these examples can have."""
    return ("auc", *retrieval.METRICS) if len(outcome.rank) else _PAIRS


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    Where only related pairs are known, the AUC is the chance that the right candidate scores above another of the catalogue.

    Raises:
        UndefinedError: the examples do not have this figure.
    """
    if metric not in figures(outcome):
        known = "only related pairs are known" if len(outcome.rank) else "the places among all candidates are not known"
        raise UndefinedError(known)
    if not len(outcome.rank):
        return binary.build(metric, outcome)
    if metric != "auc":
        return retrieval.build(metric, outcome)
    if outcome.catalogue < 2:
        raise UndefinedError("there are fewer than two candidates")
    beaten = (outcome.catalogue - outcome.rank) / (outcome.catalogue - 1)
    return mean(Sample.of(outcome), np.where(outcome.rank > 0, beaten, 0.0))
