"""What `report.json` holds. Numbers that are undefined are null, with a reason beside them."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from plait.measure import Gain, Interval, Verdict
from plait.schema import TaskKind

__all__ = ["DataReport", "Figure", "GainFigure", "Number", "Part", "Report", "RuleReport", "TaskReport", "UnlabelledReport"]


def _null(value: object) -> object:
    """JSON has no NaN and no infinity."""
    return None if isinstance(value, float) and not isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_null)]
"""A number; what is not finite becomes null."""


class Part(BaseModel):
    """The base of what a report is made of: frozen; keys of newer versions are read over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Figure(Part):
    """A figure on the test part with its 95 % interval."""

    value: Number
    low: Number
    high: Number
    reason: str = ""
    """Why there is no value or no interval."""

    @classmethod
    def of(cls, interval: Interval) -> Figure:
        """Take over what was measured."""
        return cls(value=interval.value, low=interval.low, high=interval.high, reason=interval.reason)


class GainFigure(Part):
    """How much better joint is, relative to alone, signed so that more is better."""

    value: Number
    low: Number
    high: Number
    verdict: Verdict
    reason: str = ""
    """Why there is no value or no interval."""

    @classmethod
    def of(cls, gain: Gain) -> GainFigure:
        """Take over what was measured."""
        return cls(value=gain.value, low=gain.low, high=gain.high, verdict=gain.verdict, reason=gain.reason)


class UnlabelledReport(Part):
    """The rows without a label that a task learned from."""

    rows: int
    """Rows of the training part without a label."""
    threshold: float | None = None
    """The chance from which an answer became a label; none where no labels were made."""
    sure: Number = None
    """Share of the answers for these rows that the finished model is as sure of."""
    checked: int = 0
    """How many answers for labelled rows of the validation part it is as sure of."""
    right: Number = None
    """Share of those that are right."""


class TaskReport(Part):
    """One task: its figures jointly and alone, and whether sharing helped."""

    kind: TaskKind
    metric: str
    """The figure that decides."""
    joint: dict[str, Figure]
    alone: dict[str, Figure] = Field(default_factory=dict)
    """The same task trained by itself under the same budget; empty where it was not."""
    gain: GainFigure | None = None
    trees: dict[str, Figure] = Field(default_factory=dict)
    """Gradient-boosted trees on the same rows, where asked for."""
    table: str = ""
    examples: dict[str, int] = Field(default_factory=dict)
    """`train`, `valid`, `test` -> examples with an observed label."""
    epochs: dict[str, int] = Field(default_factory=dict)
    """`joint`, `alone` -> the epoch whose weights were kept."""
    objective: str = ""
    """What was minimised, in words: the loss, and what the recipe set beside it, such as weights and resampling."""
    unlabelled: UnlabelledReport | None = None
    """What became of rows without a label, where the task learned from them."""


class RuleReport(Part):
    """One rule: where it forbids the outcome, which labels break it, and which predictions would."""

    task: str
    rule: str
    classes: list[str] = Field(default_factory=list)
    forbidden: dict[str, int] = Field(default_factory=dict)
    """`train`, `valid`, `test` -> labelled examples to which it forbids the outcome, or some candidate."""
    labels: dict[str, int] = Field(default_factory=dict)
    """The same of those whose label breaks it."""
    predictions: int = 0
    """Of the test examples to which something is forbidden: those that were predicted against it before it was enforced."""
    given: Number = None
    """What was given to the forbidden outcome before, on average over these examples: a chance; of an amount, in units of
    the mean label; of a ranking, the share of the first ten."""


class DataReport(Part):
    """How many rows there were, and how many examples in each part."""

    rows: dict[str, int]
    train: int
    valid: int
    test: int


class Report(Part):
    """The whole of `report.json`."""

    plait: str
    """Version that wrote it."""
    recipe: str
    seed: int
    data: DataReport
    seconds: dict[str, float]
    """`prepare`, `train`, `evaluate`, and where they were made `alone`, `trees`."""
    examples_per_second: Number
    parameters: int
    trained: int = 0
    """How many of them training changed; left out where the report is older."""
    tasks: dict[str, TaskReport]
    gain: Number
    """Mean of the tasks' gains (Δm); null where no task was trained alone."""
    hurt: list[str]
    """Tasks whose verdict is `worse`."""
    rules: dict[str, RuleReport] = Field(default_factory=dict)
    """What had to hold, and how often it did not."""
    warnings: list[str] = Field(default_factory=list)
    machine: str = ""
    how: dict[str, str] = Field(default_factory=dict)
    """How it was measured, in words: what -> how, such as `Split` -> `by time, 10 % validation, 10 % test`."""

    def text(self) -> str:
        """Return `report.json`: every key of the format, and further keys where they say something."""
        return self.model_dump_json(indent=1, exclude_defaults=True)
