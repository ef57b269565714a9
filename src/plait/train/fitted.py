"""What training returns: plain numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

__all__ = ["Cosines", "Curve", "Fitted"]


@final
@dataclass(frozen=True, slots=True)
class Curve:
    """One task over the epochs."""

    losses: list[float] = field(default_factory=list)
    """Mean training loss per epoch; NaN where the task had no label."""
    scores: list[float] = field(default_factory=list)
    """The deciding metric on the validation part per epoch; NaN where it could not be computed."""
    weights: list[float] = field(default_factory=list)
    """Mean weight of the balancer per epoch."""


@final
@dataclass(frozen=True, slots=True)
class Cosines:
    """The cosines between the tasks' gradients at one step, on rows drawn for it."""

    step: int
    between: list[list[float]]
    """At everything shared, looked-up embedding rows included; in the order of the tasks, NaN where a task had no label."""
    parts: dict[str, list[list[float]]] = field(default_factory=dict)
    """The same for each part of the model alone; NaN too where a task does not reach the part."""
    epoch: int = 0
    """From 1."""
    lowered: list[list[float]] = field(default_factory=list)
    """By which share a step for the task of a row would have lowered the loss of the task of a column, on rows that the step
    did not see; NaN where one has no label."""


@final
@dataclass(frozen=True, slots=True)
class Fitted:
    """How training went; the model itself holds the best epoch."""

    tasks: list[str]
    epochs: int
    """Epochs trained."""
    best_epoch: int
    """From 1."""
    steps: int
    examples: int
    """Rows read."""
    seconds: float
    """Seconds of training, evaluation and checkpoints not counted."""
    skipped: int
    """Steps skipped because a loss or gradient was not finite."""
    device: str
    precision: str
    curves: dict[str, Curve]
    scores: dict[str, float]
    """Each task's deciding metric on the validation part, as the model is returned."""
    cosines: list[Cosines]
    gates: dict[str, dict[str, list[float]]]
    """Level -> task -> how much it leans on each expert; empty where the sharing has none."""
    finished: list[str] = field(default_factory=list)
    """Tasks that the per-task phase made better."""
    trained: int = 0
    """Numbers that training changes."""

    @property
    def examples_per_second(self) -> float:
        """Training throughput, data loading included."""
        return self.examples / self.seconds if self.seconds > 0 else 0.0
