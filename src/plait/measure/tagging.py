"""Figures of phrases marked in texts: found exactly, or at least touched."""

import numpy as np
from jaxtyping import Float, Int

from plait.measure.binary import quotient
from plait.measure.outcome import Outcome
from plait.measure.sample import Sample, Statistic

__all__ = ["METRICS", "build", "credits"]

METRICS = ("f1", "precision", "recall", "f1_partial", "precision_partial", "recall_partial")

_BLOCK = 4096
_NOTHING = "no phrase is marked and none is found"


def build(metric: str, outcome: Outcome) -> Statistic:
    """Make one figure as a function of resample weights.

    All phrases of all texts count together. With C the credit of found phrases, R that of marked ones, n found and m marked:

        precision = sum C / sum n,    recall = sum R / sum m,    F1 = (sum C + sum R) / (sum n + sum m)

    A phrase has credit 1 where the other side has the same first and last token, else 0; for the `partial` figures half
    a credit where some phrase of the other side shares a token with it. Exactly, C = R and F1 is the usual one.

    Args:
        metric: which figure.
        outcome: `prediction` holds triples (first token, last token, chance), `label` pairs (first, last); -1 is padding.

    Raises:
        UndefinedError: the examples do not have this figure.

    References:
        Segura-Bedmar et al.: SemEval-2013 Task 9, https://aclanthology.org/S13-2056 (credit for parts).
    """
    sample = Sample.of(outcome)
    found, marked = _intervals(outcome.prediction, 3), _intervals(outcome.label, 2)
    count, wanted = (found[:, :, 0] >= 0).sum(axis=1), (marked[:, :, 0] >= 0).sum(axis=1)
    ours, theirs = credits(found, marked, 0.5 if metric.endswith("_partial") else 0.0)
    match metric.removesuffix("_partial"):
        case "precision":
            return quotient(sample, ours, count.astype(np.float64), "no phrase is found")
        case "recall":
            return quotient(sample, theirs, wanted.astype(np.float64), "no phrase is marked")
        case "f1":
            return quotient(sample, ours + theirs, (count + wanted).astype(np.float64), _NOTHING)
        case _:
            raise ValueError(f"`metric` should be one of {', '.join(METRICS)}. Found `{metric}`.")


def credits(
    found: Int[np.ndarray, "N P 2"], marked: Int[np.ndarray, "N S 2"], touching: float
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "N"]]:
    """Add up per example the credits of the phrases found and of those marked.

    Args:
        found: first and last token of each, -1 where there is none.
        marked: the same of the labels.
        touching: credit of a phrase that shares a token with one of the other side without being the same.
    """
    ours, theirs = np.zeros(len(found)), np.zeros(len(found))
    for start in range(0, len(found), _BLOCK):
        rows = slice(start, start + _BLOCK)
        one, other = found[rows, :, None], marked[rows, None]
        there = (one[..., 0] >= 0) & (other[..., 0] >= 0)
        same = there & (one == other).all(axis=-1)
        touch = there & (one[..., 0] <= other[..., 1]) & (other[..., 0] <= one[..., 1])
        credit = np.where(same, 1.0, np.where(touch, touching, 0.0))
        ours[rows] = credit.max(axis=2, initial=0.0).sum(axis=1)
        theirs[rows] = credit.max(axis=1, initial=0.0).sum(axis=1)
    return ours, theirs


def _intervals(values: Float[np.ndarray, "N P"], width: int) -> Int[np.ndarray, "N S 2"]:
    """Read first and last tokens out of rows of padded tuples."""
    whole = np.nan_to_num(values[:, : values.shape[1] // width * width], nan=-1.0)
    found: Int[np.ndarray, "N S 2"] = whole.reshape(len(values), -1, width)[:, :, :2].astype(np.int64)
    return found
