"""When to stop, and which epoch was the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from pydantic import JsonValue, TypeAdapter

__all__ = ["Judge", "Verdict"]

_FLOATS = TypeAdapter(dict[str, float])


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluation means."""

    best: bool
    """The mean gain over tasks is the highest so far."""
    stop: bool
    """No task improved for as many evaluations as patience allows."""


@final
class Judge:
    r"""Follow each task's deciding metric.

    Training goes on while any task still improves. The best epoch is the one with the highest mean over tasks of the gain
    against the first evaluation, g = 2 (m - m₁) / (|m| + |m₁|), signed so that more is better: for small changes the
    relative change, but bounded, so that a task which started near 0 does not outvote all others.

    Args:
        larger_is_better: per task the direction of its metric.
        patience: evaluations without an improvement of any task.
    """

    def __init__(self, larger_is_better: Mapping[str, bool], patience: int) -> None:
        self._signs = {task: 1.0 if larger else -1.0 for task, larger in larger_is_better.items()}
        self._patience = patience
        self._first: dict[str, float] = {}
        self._peaks: dict[str, float] = {}
        self._best = -math.inf
        self._since = 0

    def see(self, scores: Mapping[str, float]) -> Verdict:
        """Judge one evaluation; metrics that are no number (a one-class validation part) do not count."""
        known = {task: score for task, score in self.signed(scores).items() if math.isfinite(score)}
        improved = [task for task, score in known.items() if score > self._peaks.get(task, -math.inf)]
        for task in improved:
            self._peaks[task] = known[task]
        for task, score in known.items():
            self._first.setdefault(task, score)
        self._since = 0 if improved else self._since + 1
        gains = [_gain(score, self._first[task]) for task, score in known.items()]
        gain = sum(gains) / len(gains) if gains else self._best
        # Where nothing can be compared the newest counts as the best, and only the number of epochs ends the training.
        best = gain > self._best or not gains
        self._best = max(gain, self._best)
        return Verdict(best, bool(gains) and self._since >= self._patience)

    def signed(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Turn metrics of which less is better round, so that more is better of all."""
        return {task: self._signs[task] * score for task, score in scores.items()}

    def state(self) -> dict[str, JsonValue]:
        """Return everything that must survive a restart."""
        best = None if math.isinf(self._best) else self._best
        return {"first": {**self._first}, "peaks": {**self._peaks}, "best": best, "since": self._since}

    def load(self, state: Mapping[str, JsonValue]) -> None:
        """Take over what `state` returned."""
        self._first = _FLOATS.validate_python(state["first"])
        self._peaks = _FLOATS.validate_python(state["peaks"])
        best, since = state["best"], state["since"]
        self._best = float(best) if isinstance(best, int | float) else -math.inf
        self._since = since if isinstance(since, int) else 0


def _gain(score: float, first: float) -> float:
    size = abs(score) + abs(first)
    return 2 * (score - first) / size if size else 0.0
