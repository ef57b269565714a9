"""What the tasks do to each other, read from the figures of a run: who pulls apart where, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, final

from plait.measure import Interval, mean_interval
from plait.report.content import Number
from plait.report.figures import Cosine, Figures

__all__ = ["APART", "ROUNDED", "Pull", "Push", "pulls", "pushes"]

APART: Final = 0.05
"""Tasks pull apart, or the same way, where the mean cosine is at least this far from 0, beyond chance."""
_LEAST: Final = 3
"""Draws that an interval needs."""
ROUNDED: Final = 1e-6
"""Changes of a loss by a smaller share are no more than the rounding of single precision, and count as none."""

Direction = Literal["apart", "together", "neither", "unknown"]


@final
@dataclass(frozen=True, slots=True)
class Pull:
    """How the gradients of two tasks stand to each other at one part of the model.

    Attributes:
        first: a task.
        second: another.
        part: of the model; empty for everything the two share.
        cosine: mean over the draws from `since` on, with its interval over draws.
        against: share of all draws in which the cosine is below 0.
        draws: how many draws there are in all.
        direction: `apart` or `together` where the mean is beyond `APART` and differs from 0 beyond chance, else `neither`;
            `unknown` where there are too few draws. As a pair has several parts, the chance of 5 % to be wrong is shared
            among them (Bonferroni): the interval that has to exclude 0 is wider than `cosine`.
        since: the first epoch from which on it is so, in every later epoch on average and over all of them together;
            0 where epochs were not written down, or it is not so.
    """

    first: str
    second: str
    part: str
    cosine: Interval
    against: float
    draws: int
    direction: Direction
    since: int


@final
@dataclass(frozen=True, slots=True)
class Push:
    """What a step for one task does to the loss of another, as a share of that loss; above 0 the loss falls."""

    source: str
    target: str
    value: float
    low: float
    high: float

    @property
    def direction(self) -> Direction:
        """`together` where the interval lies above 0, `apart` where it lies below, by more than losses are rounded."""
        if abs(self.value) < ROUNDED:
            return "neither"
        return "together" if self.low > 0 else "apart" if self.high < 0 else "neither"


def pulls(cosine: Cosine) -> list[Pull]:
    """Return what is known of every pair at everything it shares, then at each part."""
    found = []
    places = [("", cosine.pairs), *cosine.parts.items()]
    for part, pairs in places:
        for pair, values in pairs.items():
            wrong = 0.05 / sum(pair in each for _, each in places)
            first, _, second = pair.partition(" | ")
            epochs = cosine.epochs if len(cosine.epochs) == len(values) else [0] * len(values)
            known = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
            if known:
                found.append(_pull((first, second, part), known, 1.0 - wrong))
    return found


def pushes(figures: Figures) -> list[Push]:
    """Return what is known of every step for one task and every loss, a task's own included."""
    names = figures.transfer.tasks
    return [
        Push(source, target, change.value, change.low, change.high)
        for source, row in zip(names, figures.transfer.lowered, strict=False)
        for target, change in zip(names, row, strict=True)
        if change.value is not None and change.low is not None and change.high is not None
    ]


def _pull(what: tuple[str, str, str], known: Sequence[tuple[int, float]], chance: float) -> Pull:
    every = [value for _, value in known]
    against = sum(value < 0 for value in every) / len(every)
    signs: list[tuple[Direction, float]] = [("apart", -1.0), ("together", 1.0)]
    for since in sorted({epoch for epoch, _ in known}):
        later = [(epoch, value) for epoch, value in known if epoch >= since]
        for direction, sign in signs:
            if _holds(later, sign, chance):
                return Pull(*what, mean_interval([value for _, value in later]), against, len(every), direction, since)
    return Pull(*what, mean_interval(every), against, len(every), "neither" if len(every) >= _LEAST else "unknown", 0)


def _holds(later: Sequence[tuple[int, float]], sign: float, chance: float) -> bool:
    """Say whether a direction holds over all draws together, and on average in each of their epochs."""
    signed = mean_interval([sign * value for _, value in later], chance)
    if len(later) < _LEAST or signed.value < APART or not signed.low > 0:
        return False
    return all(sign * _mean(later, epoch) > 0 for epoch, _ in later)


def _mean(known: Sequence[tuple[int, Number]], epoch: int) -> float:
    values = [value for at, value in known if at == epoch and value is not None]
    return sum(values) / len(values)
