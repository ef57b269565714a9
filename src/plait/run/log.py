"""What `log.jsonl` of a run says about the weights of its losses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plait.report.figures import Weights

__all__ = ["read_weights"]

_MOST_POINTS: Final = 240


def read_weights(log: Path, tasks: Sequence[str]) -> Weights | None:
    """Return each task's weight over the steps of the joint training, at most 240 points, each a mean of neighbours.

    Returns:
        Nothing where the log is missing or has fewer than two records of steps.
    """
    if not log.is_file():
        return None
    records = [found for line in log.read_text(encoding="utf-8").splitlines() if (found := _step(line)) is not None]
    if len(records) < 2:
        return None
    size = -(-len(records) // _MOST_POINTS)
    parts = [records[start : start + size] for start in range(0, len(records), size)]
    means = {task: [_mean([weights.get(task) for _, weights in part]) for part in parts] for task in tasks}
    return Weights(steps=[part[-1][0] for part in parts], unit="step", tasks=means)


def _step(line: str) -> tuple[int, dict[str, float]] | None:
    """Read one record; a line that was cut, or is about something else, is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.get("event") != "step":
        return None
    step, weights = record.get("step"), record.get("weights")
    if not isinstance(step, int) or not isinstance(weights, dict):
        return None
    return step, {str(task): float(weight) for task, weight in weights.items()}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
