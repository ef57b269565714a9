"""What a service can be asked, as it comes over the wire: checked here, before any work is done."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "AdsAsked",
    "AnalyseAsked",
    "AnswerAsked",
    "Bid",
    "Condition",
    "ExplainAsked",
    "FeedbackAsked",
    "Filters",
    "HistoryAsked",
    "ItemsAsked",
    "ProfileAsked",
    "Range",
    "RankAsked",
    "RecommendAsked",
    "ScoreAsked",
    "SearchAsked",
    "SimilarAsked",
]

Id = Annotated[str, Field(min_length=1, max_length=500)]
Words = Annotated[str, Field(min_length=1, max_length=1_000)]
Text = Annotated[str, Field(max_length=20_000)]
Value = str | int | float | bool
Rows = list[dict[str, Value | list[Value] | None]]
Count = Annotated[int, Field(ge=1, le=500)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _example(**values: Any) -> ConfigDict:  # noqa: ANN401
    return ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [values]})


class Range(_Asked):
    """Bounds that count as inside: numbers, or texts in the order of the alphabet, as dates are."""

    min: float | str | None = None
    max: float | str | None = None


Condition = Value | Annotated[list[Value], Field(max_length=1_000)] | Range
Filters = Annotated[dict[str, Condition], Field(max_length=20)]
"""Column of the items' table -> a value, several of which one must be there, or a range."""


class RecommendAsked(_Asked):
    """What to show a user."""

    model_config = _example(user="15", count=5, filters={"genres": ["Comedy"], "year": {"min": 1990}}, diversity=0.3)

    user: Id
    count: Count = 10
    formula: Words | None = None
    """How the tasks' scores become one, for this question alone."""
    filters: Filters = Field(default_factory=dict)
    diversity: float = Field(default=0.0, ge=0, le=1)
    """How much an item that is like those before it falls: 0 not at all, 1 by nothing else."""
    at_most: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict, max_length=5)
    """Column of the items' table -> how many items may have the same value there."""
    exclude: list[Id] = Field(default_factory=list, max_length=10_000)
    seen: bool | None = None
    """Whether items the user had may come again; where nothing is said, if people in these data come back to them."""
    without: list[Id] = Field(default_factory=list, max_length=1_000)
    """Items that the user had, as if they had not: what would be shown then."""
    also: list[Id] = Field(default_factory=list, max_length=1_000)
    """Items as if the user had had them just now, oldest first: what is in a basket, or was clicked by somebody unknown."""
    plain: bool = False
    """Ids and scores alone, without titles and without what each task says."""


class RankAsked(_Asked):
    """In which order to show a user some items."""

    model_config = _example(user="15", items=["50", "181", "258"])

    user: Id
    items: Ids
    formula: Words | None = None
    plain: bool = False
    """Ids and scores alone, without titles and without what each task says."""


class ScoreAsked(_Asked):
    """What every task says: of a user with some items, or of rows of a table as `plait predict` reads them."""

    model_config = _example(user="15", items=["50", "181"])

    user: Id | None = None
    items: list[Id] = Field(default_factory=list, max_length=10_000)
    rows: Rows = Field(default_factory=list, max_length=1_000)
    table: Id | None = None
    """Of which table the rows are; found by their columns where not said."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScoreAsked":
        if bool(self.rows) == bool(self.items) or (self.user is None) == bool(self.items):
            raise ValueError("a question should have `user` and `items`, or `rows`, and not both")
        return self


class SimilarAsked(_Asked):
    """Which items are like one."""

    model_config = _example(item="50", count=5)

    item: Id
    count: Count = 10
    filters: Filters = Field(default_factory=dict)


class SearchAsked(_Asked):
    """Which items fit some words."""

    model_config = _example(query="star wars", count=5)

    query: Words
    count: Count = 10
    filters: Filters = Field(default_factory=dict)


class ExplainAsked(_Asked):
    """Why a user is shown an item, or would not be."""

    model_config = _example(user="15", item="50")

    user: Id
    item: Id
    formula: Words | None = None
    """How the tasks' scores became one in the list that is explained."""
    diversity: float = Field(default=0.0, ge=0, le=1)
    """How much items that are alike fell in that list."""
    without: list[Id] = Field(default_factory=list, max_length=1_000)
    """Items that the user had, as if they had not."""
    also: list[Id] = Field(default_factory=list, max_length=1_000)
    """Items as if the user had had them just now, oldest first."""


class Bid(_Asked):
    """An advertisement that could be shown."""

    item: Id
    bid: float = Field(ge=0, le=1e12)
    """What is paid for one event, in any currency."""
    campaign: str | None = Field(default=None, max_length=500)
    budget: float | None = Field(default=None, gt=0, le=1e15)
    """What the campaign may spend in all."""
    spent: float = Field(default=0.0, ge=0, le=1e15)
    elapsed: float = Field(default=0.0, ge=0, le=1)
    """Share of the campaign's time that is over."""


class AdsAsked(_Asked):
    """Which advertisements to show a user."""

    model_config = _example(
        user="15",
        bids=[
            {"item": "50", "bid": 0.4, "campaign": "space", "budget": 100, "spent": 60, "elapsed": 0.5},
            {"item": "181", "bid": 0.3},
        ],
    )

    user: Id
    bids: list[Bid] = Field(min_length=1, max_length=10_000)
    count: Annotated[int, Field(ge=1, le=100)] = 1
    event: Words | None = None
    """What is paid for, as a formula over chances: `click`, or `click * buy`."""


class ProfileAsked(_Asked):
    """What is known and predicted of a user."""

    model_config = _example(user="15", count=5)

    user: Id
    count: Annotated[int, Field(ge=1, le=100)] = 10


class HistoryAsked(_Asked):
    """What a user did."""

    model_config = _example(user="15", count=5)

    user: Id
    count: Annotated[int, Field(ge=1, le=500)] = 20


class AnalyseAsked(_Asked):
    """What the tasks on texts say of some."""

    model_config = _example(texts=["Fits perfectly, and the colour is lovely."])

    texts: list[Text] = Field(min_length=1, max_length=256)


class AnswerAsked(_Asked):
    """A customer's question."""

    model_config = _example(question="How do I return an order?")

    question: Annotated[str, Field(min_length=1, max_length=20_000)]
    count: Annotated[int, Field(ge=1, le=50)] = 3


class FeedbackAsked(_Asked):
    """What a user did."""

    model_config = _example(key="7c1e", user="15", item="50", kind="click")

    user: Id
    item: Id
    kind: str = Field(default="click", min_length=1, max_length=100)
    """A task's name, or any word; `shown` is no sign of interest, and nor is any with the value 0."""
    value: float | None = None
    key: str | None = Field(default=None, min_length=1, max_length=200)
    """Names this event: sent again under the same key it is kept once."""
    at: float | None = Field(default=None, ge=0, le=1e11)
    """Seconds since 1970; now where not said."""
    more: dict[str, str | float | int | bool | None] = Field(default_factory=dict, max_length=50)
    """What else belongs to it: the place in the list, its propensity, the model."""


class ItemsAsked(_Asked):
    """New items, with the columns of the items' table."""

    model_config = _example(rows=[{"movie_id": "9001", "title": "A new film (1999)", "genres": "Comedy|Drama"}])

    rows: Rows = Field(min_length=1, max_length=1_000)
