"""What a service says about itself: its data, the runs beside it, how it is doing; the pages are drawn from it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from plait.report.content import Figure, GainFigure, Number

__all__ = [
    "ColumnTold",
    "DataTold",
    "Deployment",
    "Pulse",
    "RouteTold",
    "RunTold",
    "RunsTold",
    "StageTold",
    "TableTold",
    "TaskTold",
]


class Told(BaseModel):
    """The base of what is said: frozen."""

    model_config = ConfigDict(frozen=True)


class ColumnTold(Told):
    """One feature of a table."""

    name: str
    kind: str
    values: int | None = None
    """id, category: how many values were seen in training."""
    width: int | None = None
    """text, image, audio, embedding: length of the vector."""
    missing: float | None = None
    """Share of the rows without a value; none where that is not known."""
    unseen: Number = None
    """Share of the test part's values that training never saw."""


class TableTold(Told):
    """One table."""

    name: str
    rows: int
    id: str | None
    keys: dict[str, str] = Field(default_factory=dict)
    """Key column -> the table it leads to."""
    columns: list[ColumnTold]
    tasks: list[str]
    browse: bool
    """Whether its rows can be looked through with predictions."""


class TaskTold(Told):
    """The labels of one task."""

    name: str
    kind: str
    table: str
    examples: dict[str, int]
    """`train`, `valid`, `test` -> examples with an observed label."""
    mean: Number = None
    """binary, relatedness: share of 1; values: their mean."""
    std: Number = None
    classes: list[tuple[str, Number]] = Field(default_factory=list)
    """Classes and their shares, the most frequent first."""


class DataTold(Told):
    """Answer of `GET /v1/data`: what went in."""

    recipe: str
    split: str
    tables: list[TableTold]
    tasks: list[TaskTold]


class RunTold(Told):
    """One run or bundle in the folder of the one that answers."""

    name: str
    kind: str
    """`run` or `bundle`."""
    recipe: str
    made: float
    """When its report was written, in seconds since 1970."""
    serving: bool
    """Whether it is the one that answers."""
    sharing: str
    seed: int
    parameters: int
    seconds: float
    """Of training."""
    gain: Number
    hurt: list[str]
    figures: dict[str, Figure]
    """Task -> its deciding figure on the test part."""
    metrics: dict[str, str]
    """Task -> which figure decides."""
    gains: dict[str, GainFigure]
    """Task -> what sharing did to it; empty where no task was trained alone."""


class RunsTold(Told):
    """Answer of `GET /v1/runs`, the newest first."""

    runs: list[RunTold]
    unreadable: list[str] = Field(default_factory=list)
    """Folders that look like runs and could not be read."""


class RouteTold(Told):
    """What was asked at one address since the service began, by all workers."""

    route: str
    requests: int
    failed: int
    """Answers from 500 on."""
    refused: int
    """Turned away at the door: no key or not this one's, too large, too many."""
    p50: float | None
    """Milliseconds within which half was answered, interpolated in its bucket; none before the first answer."""
    p95: float | None


class StageTold(Told):
    """One stage of the answers."""

    stage: str
    count: int
    p50: float | None
    p95: float | None


class Deployment(Told):
    """Which models there are."""

    version: str
    previous: str | None = None
    shadow: str | None = None
    share: float = 0.0
    formula: str | None = None
    answering: int = 1
    """Workers that answer with this model."""
    workers: int = 1


class Pulse(Told):
    """Answer of `GET /v1/status`: how the service is doing."""

    ready: bool
    model: Deployment
    store: str | None
    """`sqlite` or `postgresql`; none where feedback is refused."""
    inside: int
    """Requests waiting or being answered."""
    requests: int
    routes: list[RouteTold]
    """The most asked first."""
    stages: list[StageTold]
    degraded: dict[str, int]
    refused: dict[str, int]
    """Why at the door -> how many."""
    events: dict[str, int]
    """`new`, `repeated` -> how many."""
    swaps: dict[str, int]
    shadowed: dict[str, int]
