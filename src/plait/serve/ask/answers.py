"""What a service says, as it goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Ad",
    "Added",
    "Ads",
    "Analysed",
    "Answer",
    "Answered",
    "Because",
    "Cause",
    "Confidence",
    "Effect",
    "Explained",
    "Feedback",
    "Had",
    "History",
    "Interest",
    "Moved",
    "Placed",
    "Profile",
    "Ranked",
    "Recommended",
    "Reply",
    "Scored",
    "SearchFound",
    "SimilarFound",
    "Topic",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Answer(_Part):
    """What every answer says."""

    model: str
    """SHA-256 of the model that answered."""
    degraded: list[str] = Field(default_factory=list)
    """What could not be done, and was done without; empty when all is well."""
    took: dict[str, float] = Field(default_factory=dict)
    """Milliseconds by stage."""


# There are hundreds of them in an answer, and a model of pydantic takes ten times as long to make.
@dataclass(slots=True)
class Placed:
    """An item in an answer."""

    item: str
    score: float | None
    """What it was put in order by; nothing where that is no number."""
    title: str | None = None
    tasks: dict[str, float | dict[str, float]] = field(default_factory=dict)
    """What each task says: a number, or one for each of its classes or quantiles."""


class Recommended(Answer):
    """What to show, best first."""

    user: str
    known: bool
    """Whether anything is known of this user, from training or from feedback since."""
    by: str
    """What the items are in order by: the formula, a task, or `popularity`."""
    items: list[Placed]
    unknown: list[str] = Field(default_factory=list)
    """Items that the question names and that do not exist."""


class Ranked(Answer):
    """Items in order."""

    user: str
    known: bool
    by: str
    items: list[Placed]
    unknown: list[str]
    """Those of the question that do not exist."""


class Scored(Answer):
    """What each task says, in the order of the question."""

    user: str | None = None
    known: bool = True
    items: list[Placed] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list)
    table: str | None = None
    rows: list[dict[str, Any]] = Field(default_factory=list)
    """For rows: as `plait predict` writes them."""


class SimilarFound(Answer):
    """Items like one, the most alike first."""

    item: str
    by: str
    """The space in which they were compared: a task's, or that of the features."""
    items: list[Placed]


class SearchFound(Answer):
    """Items that fit, best first."""

    query: str
    by: str
    items: list[Placed]


class Ad(_Part):
    """An advertisement in an answer."""

    item: str
    campaign: str | None
    bid: float
    probability: float
    """Calibrated chance of the event."""
    value: float
    """Expected value of showing it: bid x probability x pace."""
    pace: float
    """1, or less where the campaign would run out of money before its time."""
    charge: float
    """What the event would cost by the second price: just enough to stay in this place, never more than the bid."""


class Ads(Answer):
    """Advertisements, the most valuable first."""

    user: str
    event: str
    """What is paid for."""
    calibrated: dict[str, str]
    """Task -> how its chances were set right on the validation part."""
    ads: list[Ad]
    refused: dict[str, str]
    """Item -> why it cannot be shown."""


class Confidence(_Part):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


class Interest(_Part):
    """How much of what a user would be shown has a value, against all items."""

    column: str
    value: str
    share: Confidence
    everywhere: float
    """Share of all items that have it."""
    lift: float
    """`share / everywhere`."""
    events: int
    """How many of the items the user had, have it."""


class Profile(Answer):
    """What is known and predicted of a user."""

    user: str
    known: bool
    events: int
    """How many items the user had."""
    attributes: dict[str, float | dict[str, float]]
    """What the tasks about users predict, with the chance of each class."""
    interests: list[Interest]
    """Those whose interval lies above the share everywhere, the largest lift first."""


class Had(_Part):
    """Something a user did with an item."""

    item: str
    title: str
    kind: str | None = None
    """What was told as feedback since training; nothing for what the run knows."""
    value: float | None = None
    at: float | None = None
    """Seconds since 1970, for feedback."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Task -> the label in the run's tables, in words."""


class History(Answer):
    """What a user did, the newest first."""

    user: str
    known: bool
    total: int
    """How many items they had in all."""
    items: list[Had]


class Topic(_Part):
    """What one task says of one text."""

    task: str
    kind: str
    value: float | None = None
    """A probability, an expected class, a number."""
    best: str | None = None
    """The likeliest class."""
    chances: dict[str, float] = Field(default_factory=dict)
    """Class, or phrase found in the text -> its chance, the likeliest first."""


class Analysed(Answer):
    """One list of readings for each text."""

    texts: list[list[Topic]]


class Reply(_Part):
    """One answer to a question, with the id it is cited by."""

    id: str
    title: str
    score: float
    """Its chance among all answers there are; of a search by words, how well they fit."""


class Answered(Answer):
    """What answers a question, or that it is not known."""

    question: str
    known: bool
    """Whether the best is sure enough."""
    text: str
    """The best answer with its id, or that it is not known."""
    by: str
    threshold: float | None
    """The score from which on an answer is sure enough."""
    precision: float | None
    """Of answers above the threshold, the share that was right on the validation part."""
    coverage: float | None
    """The share of questions of the validation part that were answered."""
    answers: list[Reply]


class Feedback(Answer):
    """An event that is on the disk."""

    key: str
    repeated: bool
    """Whether an event was kept under this key before; it counts once."""


class Added(Answer):
    """Items that can be found from now on."""

    items: list[str]
    kept: bool = False
    """Whether they are on a disk, and offered after a new start too; without a store they are gone then."""


class Because(_Part):
    """Something the user had that is like the item."""

    item: str
    title: str
    likeness: float
    """Cosine of their places."""
    without: dict[str, float]
    """What the tasks would say of the item had the user not had this one; empty where it could not be asked."""


class Effect(_Part):
    """What one thing that is known adds to a score."""

    feature: str
    """`table.column`; of an earlier item the history it stands in."""
    value: str | None = None
    """What it holds; of an earlier item its title; nothing where that is not kept."""
    item: str | None = None
    """Id of the earlier item."""
    effect: float
    """The score with it, less the score without: above 0 it speaks for the item."""


class Cause(_Part):
    """Why one task says what it says."""

    score: float
    mean: float
    """Of the task's labels in training."""
    effects: list[Effect]
    """The largest first, whatever its sign."""
    turned: list[Effect] | None
    """The fewest without which the score would be on the other side of the mean; nothing where few do not do it."""


class Moved(_Part):
    """Where the item stood after one step."""

    stage: str
    """`retrieve`, a task by itself, or the formula."""
    place: int | None
    """From 1; nothing where the item was not among the candidates."""
    among: int


class Explained(Answer):
    """Why a user is shown an item, or would not be."""

    user: str
    known: bool
    item: str
    title: str
    seen: bool
    """Whether the user had it."""
    tasks: dict[str, float | dict[str, float]]
    because: list[Because]
    moved: list[Moved]
    why: dict[str, Cause] = Field(default_factory=dict)
    """Task -> why it says so, for those that give one number; by the model in full, whatever it was exported to."""
    unknown: list[str] = Field(default_factory=list)
    """Items of `without` and `also` that do not exist."""
