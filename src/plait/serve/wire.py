"""What the service says, as it goes over the wire: the pages are drawn from these objects, so page and interface agree."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from plait.schema import TaskKind

__all__ = [
    "Asked",
    "Card",
    "Chance",
    "Fact",
    "Health",
    "Home",
    "ItemPage",
    "Listing",
    "Prediction",
    "RowsPage",
    "Scored",
    "Shelf",
    "Similar",
    "TableSummary",
    "TaskSummary",
    "UserPage",
]


class Wire(BaseModel):
    """The base of everything that is said: frozen."""

    model_config = ConfigDict(frozen=True)


class Fact(Wire):
    """One thing known of a row."""

    name: str
    value: str
    many: list[str] = Field(default_factory=list)
    """The single values of a many-valued column."""


class Chance(Wire):
    """A class and how likely it is."""

    name: str
    probability: float


class Prediction(Wire):
    """What the model says about one task."""

    task: str
    kind: TaskKind
    value: float | None = None
    """binary: the probability; regression, amount, ordinal: the expected value; ranking, relatedness: a score."""
    best: str | None = None
    """multiclass, ordinal: the likeliest class."""
    chances: list[Chance] = Field(default_factory=list)
    """multiclass, ordinal, multilabel: the likeliest classes first, a few of them; tagging: the phrases found."""
    truth: str | None = None
    """The observed label, where there is one."""


class Card(Wire):
    """A row of a table as a person sees it."""

    table: str
    id: str
    title: str
    facts: list[Fact] = Field(default_factory=list)
    picture: bool = False
    """Whether `/pictures/TABLE/ID` shows it."""
    score: float | None = None
    """What it was ranked by: the retrieval score, or the first task's prediction, or the cosine for similar ones."""
    predictions: list[Prediction] = Field(default_factory=list)


class Shelf(Wire):
    """A ranked list for one user."""

    table: str
    """The table of the items."""
    event: str
    """The table whose tasks were predicted."""
    ranked_by: str
    """The task, or `popularity`."""
    again: bool
    """Whether items the user already had may come again, because people in these data come back to them."""
    items: list[Card]


class Similar(Wire):
    """Answer of `/v1/similar`."""

    item: Card
    by: str
    """The common space: a task, or `features`."""
    among: int
    """How many rows were compared."""
    items: list[Card]


class UserPage(Wire):
    """What is predicted of one user, and the best of what they meet beside the items they are recommended."""

    user: Card
    shelves: list[Shelf]


class ItemPage(Wire):
    """All that is known and predicted of one item, and those like it."""

    item: Card
    similar: Similar


class TaskSummary(Wire):
    """One task in the run's report."""

    name: str
    kind: TaskKind
    table: str
    metric: str
    joint: float | None
    alone: float | None
    verdict: str | None


class TableSummary(Wire):
    """One table that can be looked through."""

    name: str
    rows: int
    tasks: list[str]


class Home(Wire):
    """The first page."""

    recipe: str
    users: str | None
    user_count: int
    items: str | None
    item_count: int
    tasks: list[TaskSummary]
    tables: list[TableSummary]
    some_users: list[Card]
    """A few users, spread over the table."""
    popular: list[Card]
    """The items of most events."""


class Listing(Wire):
    """A page of search results."""

    table: str
    query: str
    found: int
    page: int
    pages: int
    cards: list[Card]


class RowsPage(Wire):
    """A page of rows with predictions beside the observed labels."""

    table: str
    part: str
    query: str
    found: int
    page: int
    pages: int
    columns: list[str]
    tasks: list[str]
    rows: list[Card]


class Asked(Wire):
    """Body of `/v1/predict`: rows of one of the recipe's tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str | None = None
    """Which table; found by the columns where not said."""
    rows: list[dict[str, str | int | float | bool | list[str | int | float | None] | None]] = Field(
        min_length=1, max_length=10_000
    )


class Scored(Wire):
    """Answer of `/v1/predict`: the rows' ids and keys, and each task's prediction."""

    table: str
    rows: list[dict[str, str | int | float | bool | list[str | int | float | None] | None]]


class Health(Wire):
    """Answer of `/health`."""

    status: str
    recipe: str
    plait: str
