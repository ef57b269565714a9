"""Chances that come true: a map from predicted to observed, learned on rows that trained nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from plait.measure.calibration import bins
from plait.run.run import Run

__all__ = ["Calibration", "Calibrations", "calibrated", "expected_error"]

Doubles = npt.NDArray[np.float64]
_Map = Callable[[Doubles], Doubles]
_Kind = Literal["none", "platt", "isotonic"]

_ROWS: Final = 20_000
_FEWEST: Final = 50
_ISOTONIC: Final = 1_000
_BINS: Final = 15
_SMALL: Final = 1e-6


@final
@dataclass(frozen=True, slots=True)
class Calibration:
    """How the chances of one task are set right.

    Attributes:
        kind: what was learned: nothing, two numbers (Platt), or a rising line (isotonic).
        apply: predicted chances -> chances that come true.
        rows: of how many rows.
        before: expected calibration error of the model's own chances on these.
        after: the same of the chances set right, each half by a map learned on the other.
    """

    kind: _Kind
    apply: _Map
    rows: int
    before: float
    after: float

    def __call__(self, chances: Tensor) -> Tensor:
        """Set chances right."""
        return torch.from_numpy(self.apply(chances.double().numpy()))

    def __str__(self) -> str:
        """Say what was done and what it brought."""
        return f"{self.kind}: calibration error {self.before:.4f} -> {self.after:.4f} on {self.rows:,} rows"


@final
class Calibrations:
    """Learns the map of a task when it is first asked for, from the validation part.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._known: dict[str, Calibration] = {}
        self._lock = Lock()

    def of(self, task: str) -> Calibration:
        """Return how the chances of a binary task are set right."""
        with self._lock:
            if task not in self._known:
                self._known[task] = self._learned(task)
            return self._known[task]

    def _learned(self, task: str) -> Calibration:
        prepared, layout = self._run.prepared, self._run.layout.tasks[task]
        rows = prepared.rows(task, "valid")
        if len(rows) > _ROWS:
            rows = rows[torch.linspace(0, len(rows) - 1, _ROWS).long()]
        if len(rows) < _FEWEST:
            return Calibration("none", np.asarray, len(rows), float("nan"), float("nan"))
        predicted = self._run.scorer.outputs(layout.table, rows, [task])[task][:, 0]
        observed = prepared.tables[layout.table].labels[task][rows, 0]
        return calibrated(predicted.double().numpy(), observed.double().numpy())


def calibrated(predicted: Doubles, observed: Doubles) -> Calibration:
    """Choose the map under which the rows of one half are likeliest when it is learned on the other.

    Isotonic regression has to be learned from many rows; where none makes the rows likelier, nothing is changed.

    Args:
        predicted: chances.
        observed: 0 or 1.

    References:
        Platt: Probabilistic Outputs for Support Vector Machines, 1999. Zadrozny, Elkan: Transforming Classifier Scores into
        Accurate Multiclass Probability Estimates, KDD 2002, https://doi.org/10.1145/775047.775151.
    """
    half = np.arange(len(predicted)) % 2 == 0
    ways: dict[_Kind, Callable[[Doubles, Doubles], _Map]] = {"none": lambda *_: np.asarray, "platt": _platt}
    if len(predicted) >= _ISOTONIC:
        ways["isotonic"] = _isotonic
    crossed = {}
    for kind, learn in ways.items():
        values = np.empty_like(predicted)
        values[half] = learn(predicted[~half], observed[~half])(predicted[half])
        values[~half] = learn(predicted[half], observed[half])(predicted[~half])
        crossed[kind] = values
    kind = min(crossed, key=lambda name: _loss(crossed[name], observed))
    return Calibration(
        kind,
        ways[kind](predicted, observed),
        len(predicted),
        expected_error(predicted, observed),
        expected_error(crossed[kind], observed),
    )


def expected_error(predicted: Doubles, observed: Doubles) -> float:
    """Return the mean distance between predicted and observed rate, over bins of equal numbers of rows."""
    place = bins(predicted, _BINS)
    count = np.bincount(place)
    gap = np.abs(np.bincount(place, predicted) - np.bincount(place, observed))
    return float(gap[count > 0].sum() / count.sum())


def _loss(predicted: Doubles, observed: Doubles) -> float:
    chance = np.clip(np.where(observed > 0.5, predicted, 1 - predicted), _SMALL, 1)
    return float(-np.log(chance).mean())


def _log_odds(chances: Doubles) -> Doubles:
    kept = np.clip(chances, _SMALL, 1 - _SMALL)
    return np.log(kept) - np.log1p(-kept)


def _platt(predicted: Doubles, observed: Doubles) -> _Map:
    """Fit a line through the log odds by Newton's method, held a little to leaving them as they are."""
    odds = _log_odds(predicted)
    design = np.stack([odds, np.ones_like(odds)], axis=1)
    start = np.array([1.0, 0.0])

    def height(line: Doubles) -> float:
        logits = design @ line
        return float((np.logaddexp(0, logits) - observed * logits).sum() + 0.5 * ((line - start) ** 2).sum())

    line = start
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ line, -30, 30)))
        slope = design.T @ (chance - observed) + (line - start)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + np.eye(2)
        step, share = np.linalg.solve(curve, slope), 1.0
        while share > 1e-6 and height(line - share * step) > height(line):
            share /= 2
        line = line - share * step
    return lambda chances: 1 / (1 + np.exp(-np.clip(_log_odds(chances) * line[0] + line[1], -30, 30)))


def _isotonic(predicted: Doubles, observed: Doubles) -> _Map:
    """Pool neighbours until the observed rates rise; between the middles of two pools the line is straight."""
    order = np.argsort(predicted, kind="stable")
    places, first = np.unique(predicted[order], return_index=True)
    count = np.diff(np.append(first, len(order))).astype(np.float64)
    total = np.add.reduceat(observed[order], first)
    pools: list[list[float]] = []
    for place, rows, ones in zip(places.tolist(), count.tolist(), total.tolist(), strict=True):
        pools.append([place * rows, rows, ones])
        while len(pools) > 1 and pools[-2][2] * pools[-1][1] >= pools[-1][2] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    middle = np.array([place / rows for place, rows, _ in pools])
    # A pool of none, or of all, is no proof that it never, or always, happens.
    least = 0.5 / (len(order) + 1)
    rate = np.clip(np.array([ones / rows for _, rows, ones in pools]), least, 1 - least)
    return lambda chances: np.interp(chances, middle, rate)
