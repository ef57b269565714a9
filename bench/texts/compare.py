"""Contestants side by side on the same test rows: each figure with its interval, and differences in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from bench.texts.contestants import Answer, Joint
from plait.measure import Interval, Outcome
from plait.measure.interval import between, resample, units_of
from plait.measure.kinds import build
from plait.schema import TaskKind

__all__ = ["compare", "of_answer", "of_joint"]

SEED = 17


def of_answer(answer: Answer, labels: Sequence[object], classes: Sequence[object]) -> Outcome:
    """Set an answer beside the labels of the test rows; of two classes the second one's chance is kept.

    Args:
        answer: what a contestant says about all test rows.
        labels: their labels; a row without one, or with a class that no row to train on has, is left out.
        classes: of the rows to train on, in order.
    """
    label = _numbers(labels, classes)
    there = label >= 0
    chances = answer.prediction[:, 1:] if len(classes) == 2 else answer.prediction
    return Outcome(chances[there], label[there, None])


def of_joint(found: Joint, task: str, labels: Sequence[object], classes: Sequence[object]) -> Outcome:
    """Return Plait's outcome with classes in the order in which the others have them; arguments as of `of_answer`.

    Raises:
        ValueError: its test rows are not the ones of the others.
    """
    said = found.outcomes[task]
    prediction, own = said.prediction, said.label[:, 0]
    if len(classes) > 2:
        at = [found.columns[task].index(str(name)) for name in classes]
        prediction, own = said.prediction[:, at], np.argsort(at)[own.astype(np.int64)]
    wanted = _numbers(labels, classes)
    wanted = wanted[wanted >= 0]
    if not np.array_equal(own, wanted):
        raise ValueError(f"`{task}` should be tested on the same rows by all. Found {len(own)} and {len(wanted)} labels.")
    return Outcome(prediction, wanted[:, None])


def _numbers(labels: Sequence[object], classes: Sequence[object]) -> Float[np.ndarray, "N"]:
    number = {name: place for place, name in enumerate(classes)}
    return np.array([number.get(label, -1) for label in labels], np.float64)


def compare(kind: TaskKind, metric: str, outcomes: Mapping[str, Outcome], own: str = "plait") -> dict[str, Any]:
    """Measure every contestant, and how much more `own` has than each of the others, under the same resamples.

    Args:
        kind: the kind of task.
        metric: a figure of which more is better.
        outcomes: contestant -> its outcome on the same rows.
        own: who is compared with the others.

    Returns:
        `metric`, `rows`, `figures` per contestant and `differences` per other one, as value, low and high.
    """
    statistics = {name: build(kind, metric, outcome) for name, outcome in outcomes.items()}
    first = next(iter(outcomes.values()))
    units = units_of(first)
    values = {name: float(one(np.ones((1, units)))[0]) for name, one in statistics.items()}
    drawn = list(resample(units, len(first), SEED))
    spread = {name: np.concatenate([one(times) for times in drawn]) for name, one in statistics.items()}
    figures = {name: _kept(between(values[name], spread[name])) for name in statistics}
    others = [name for name in statistics if name != own and own in statistics]
    differences = {name: _kept(between(values[own] - values[name], spread[own] - spread[name])) for name in others}
    return {"metric": metric, "rows": len(first), "figures": figures, "differences": differences}


def _kept(found: Interval) -> dict[str, float]:
    return {name: value for name, value in asdict(found).items() if name != "reason"}
