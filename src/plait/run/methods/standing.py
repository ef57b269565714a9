"""Rows of a race → how each method stands against the baseline, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import mean
from typing import final

from plait.measure import Interval, decisive, larger_is_better, mean_interval
from plait.measure.outcome import Verdict
from plait.run.methods.entrants import BASELINE
from plait.run.methods.grounds import Ground
from plait.run.methods.race import Row

__all__ = ["Standing", "standings"]


@final
@dataclass(frozen=True, slots=True)
class Standing:
    """One method on one ground.

    Attributes:
        scores: task -> its figure over seeds.
        gain: mean over tasks of the relative gain against the baseline with the same seed, over seeds.
        tasks: task -> the same for that task alone.
        cost: seconds of training, as a multiple of the baseline's.
        refused: why it did not run; empty where it did.
    """

    method: str
    kind: str
    scores: dict[str, Interval]
    gain: Interval
    tasks: dict[str, Interval]
    cost: float
    parameters: int
    seeds: int
    refused: str = ""

    @property
    def verdict(self) -> Verdict:
        """Better or worse where the interval of the mean gain leaves 0 out."""
        return "better" if self.gain.low > 0 else "worse" if self.gain.high < 0 else "same"


def standings(ground: Ground, rows: Sequence[Row]) -> list[Standing]:
    """Return how every method stands, the best mean gain first; those that refused come last."""
    base = {row.seed: row for row in rows if row.method == BASELINE and not row.refused}
    methods = list(dict.fromkeys(row.method for row in rows))
    found = [_standing(ground, [row for row in rows if row.method == method], base) for method in methods]
    return sorted(found, key=lambda one: (bool(one.refused), -one.gain.value if isfinite(one.gain.value) else 9.0))


def _standing(ground: Ground, rows: Sequence[Row], base: dict[int, Row]) -> Standing:
    ran = [row for row in rows if not row.refused and row.seed in base]
    first = rows[0]
    nothing = Interval.undefined("it did not run")
    if not ran:
        return Standing(first.method, first.kind, {}, nothing, {}, float("nan"), 0, 0, first.refused or "no baseline")
    signs = {task: 1.0 if larger_is_better(_metric(ground, task)) else -1.0 for task in ran[0].scores}
    gains = [{task: signs[task] * _relative(row.scores[task], base[row.seed].scores[task]) for task in signs} for row in ran]
    return Standing(
        method=first.method,
        kind=first.kind,
        scores={task: mean_interval([row.scores[task] for row in ran]) for task in signs},
        gain=mean_interval([mean(one.values()) for one in gains]),
        tasks={task: mean_interval([one[task] for one in gains]) for task in signs},
        cost=mean(row.seconds / row.epochs for row in ran) / mean(row.seconds / row.epochs for row in base.values()),
        parameters=ran[0].parameters,
        seeds=len(ran),
    )


def _metric(ground: Ground, task: str) -> str:
    settings = ground.recipe["tasks"][task]
    return str(settings.get("metric") or decisive(settings["kind"]))


def _relative(value: float, base: float) -> float:
    return (value - base) / abs(base) if base else float("nan")
