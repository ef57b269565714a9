"""What `figures.json` holds: the series behind the pictures of a report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plait.report.content import Number, Part

__all__ = ["Change", "Cosine", "DataSummary", "Figures", "Gate", "LabelSummary", "Transfer", "Weights"]


class Gate(Part):
    """How much each task takes from each expert of one level, on average over examples; a row sums to 1."""

    experts: list[str]
    tasks: dict[str, list[Number]]


class Cosine(Part):
    """Cosine between the gradients of pairs of tasks over steps, each on rows drawn for it; null where not known."""

    steps: list[int] = Field(default_factory=list)
    pairs: dict[str, list[Number]] = Field(default_factory=dict)
    """`first | second` -> one cosine per step, at everything the tasks share, looked-up embedding rows included."""
    epochs: list[int] = Field(default_factory=list)
    """The epoch of each step, from 1; empty where it was not written down."""
    parts: dict[str, dict[str, list[Number]]] = Field(default_factory=dict)
    """Part of the model -> `first | second` -> one cosine per step."""


class Change(Part):
    """A mean over batches with its 95 % interval."""

    value: Number
    low: Number
    high: Number


class Transfer(Part):
    """By which share one gradient step for a task lowers the loss of another; see `plait.explain.conflict`."""

    tasks: list[str] = Field(default_factory=list)
    lowered: list[list[Change]] = Field(default_factory=list)
    """Row: the task the step is for. Column: the task whose loss is looked at. Below 0 the loss rises."""
    rate: float = 0.0
    """Learning rate of the step."""
    batches: int = 0
    """Draws of rows for the steps, and as many for the losses."""
    when: Literal["training", "end"] = "training"
    """Whether the steps were tried while the model was trained, or with the finished model."""
    held: str = "valid"
    """The part whose rows the losses are looked at on: `valid`, or `train` where there is no validation part."""


class Weights(Part):
    """The mean weight of each task's loss over epochs or steps."""

    steps: list[int] = Field(default_factory=list)
    """Numbers of the epochs, or of the steps."""
    unit: Literal["epoch", "step"] = "epoch"
    """What `steps` counts."""
    tasks: dict[str, list[Number]] = Field(default_factory=dict)


class LabelSummary(Part):
    """The observed labels of the training part of one task."""

    mean: Number = None
    """binary, relatedness: share of 1; values: their mean."""
    std: Number = None
    """Values: their standard deviation."""
    classes: list[tuple[str, Number]] = Field(default_factory=list)
    """Classes and their shares, the most frequent first."""


class DataSummary(Part):
    """What went in."""

    rows: dict[str, int] = Field(default_factory=dict)
    """Table -> rows."""
    splits: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Task -> `train`, `valid`, `test` -> examples with an observed label."""
    labels: dict[str, LabelSummary] = Field(default_factory=dict)
    features: dict[str, int] = Field(default_factory=dict)
    """Kind of feature -> how many."""
    unseen: dict[str, Number] = Field(default_factory=dict)
    """`table.column` -> share of the test part's values that were never seen in training."""


class Figures(Part):
    """The whole of `figures.json`."""

    curves: dict[str, dict[str, list[tuple[int, Number]]]] = Field(default_factory=dict)
    """Task -> `joint`, `alone` -> (epoch, the decisive figure on the validation part)."""
    losses: dict[str, list[tuple[int, Number]]] = Field(default_factory=dict)
    """Task -> (epoch, mean training loss)."""
    calibration: dict[str, dict[str, list[tuple[float, float, int]]]] = Field(default_factory=dict)
    """Task -> `joint`, `alone` -> (mean prediction, observed mean, examples) per bin; see `plait.measure.curve`."""
    gates: dict[str, Gate] = Field(default_factory=dict)
    """Level of sharing -> use of its experts."""
    cosine: Cosine = Field(default_factory=Cosine)
    weights: Weights = Field(default_factory=Weights)
    transfer: Transfer = Field(default_factory=Transfer)
    data: DataSummary = Field(default_factory=DataSummary)

    def text(self) -> str:
        """Return `figures.json`."""
        return self.model_dump_json()
