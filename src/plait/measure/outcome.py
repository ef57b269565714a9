"""What is measured and what comes out: arrays of one task on one part, a figure with its interval, a gain."""

from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Gain", "Interval", "Outcome", "UndefinedError", "Verdict"]

Verdict = Literal["better", "same", "worse"]


def _numbers() -> Float[np.ndarray, "0"]:
    return np.empty(0)


def _counts() -> Int[np.ndarray, "0"]:
    return np.empty(0, dtype=np.int64)


def _lists() -> Int[np.ndarray, "0 0"]:
    return np.empty((0, 0), dtype=np.int64)


class UndefinedError(ValueError):
    """A figure has no value on these examples; the text says why. Never leaves `plait.measure`."""


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything one task said about the examples of one part, in the order of the examples.

    Arrays that may be empty have lengths of their own in the annotations: N or 0.

    Args:
        prediction: what the head's `predict` gave: a probability, one per class, or values on the label's scale; for
            retrieval N rows of nothing.
        label: the label as prepared: 0 or 1, a class number, class numbers padded with -1 (multilabel), a value.
        weight: how much each example counts; empty where all count the same.
        unit: number of the user or list each example belongs to; empty where examples stand alone. Examples of one unit
            are drawn together in the bootstrap, because they are not independent.
        rank: retrieval: place of the right item among all candidates, 1 for the first, 0 for not among them.
        top: retrieval: row numbers of the best k items of each example, for the coverage of the catalogue; 0 is no item.
        catalogue: retrieval: how many items there are.
        levels: regression: of which quantiles the last columns of `prediction` are; the first column is the value.
    """

    prediction: Float[np.ndarray, "N P"]
    label: Float[np.ndarray, "N L"]
    weight: Float[np.ndarray, "W"] = field(default_factory=_numbers)
    unit: Int[np.ndarray, "V"] = field(default_factory=_counts)
    rank: Int[np.ndarray, "Q"] = field(default_factory=_counts)
    top: Int[np.ndarray, "Y K"] = field(default_factory=_lists)
    catalogue: int = 0
    levels: tuple[float, ...] = ()

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.rank) or len(self.label)


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval; all three are NaN where it is undefined, and `reason` says why.

    A figure that is a count rather than an estimate (the coverage of the catalogue) has a value and no interval.
    """

    value: float
    low: float
    high: float
    reason: str = ""

    @classmethod
    def undefined(cls, reason: str) -> "Interval":
        """Return a figure without a value."""
        return cls(float("nan"), float("nan"), float("nan"), reason)


@final
@dataclass(frozen=True, slots=True)
class Gain:
    """How much better the joint model is than the task alone, relative to alone, signed so that more is better.

    `verdict` is `better` or `worse` where the 95 % interval of the paired bootstrap excludes 0, else `same`; an undefined
    gain is NaN, `same`, and has a reason.
    """

    value: float
    low: float
    high: float
    verdict: Verdict
    reason: str = ""
