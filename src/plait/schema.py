"""What columns mean and what is predicted: tables, keys, features, tasks, the split. Pydantic only, no torch.

A recipe is a schema plus the settings of the parts. The schema is all that `plait.data` needs to prepare tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from plait.errors import nearest

__all__ = [
    "JOINT",
    "Audio",
    "Category",
    "Delay",
    "Embedding",
    "Feature",
    "FeatureKind",
    "Graph",
    "History",
    "Id",
    "Ignore",
    "Image",
    "Number",
    "Place",
    "Rule",
    "Schema",
    "Settings",
    "Split",
    "Table",
    "Task",
    "TaskKind",
    "Text",
    "Time",
    "places_of",
    "short_form",
]

TaskKind = Literal[
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "ordinal",
    "amount",
    "ranking",
    "retrieval",
    "relatedness",
    "tagging",
    "masked",
]


class Settings(BaseModel):
    """The base of every settings object: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def short_form(value: object) -> object:
    """Let `number` stand for `{kind: number}`, for use before a union of settings is read."""
    return {"kind": value} if isinstance(value, str) else value


class Table(Settings):
    """Where rows come from: Parquet, CSV, JSON lines, a folder or glob of them, or a database URL."""

    source: str | None = None
    """A path relative to the recipe, a glob, or a URL such as `sqlite:///shop.db#orders` (the table after `#`);
    of a database with a password `postgresql://shop:${SHOP_PASSWORD}@host/shop#orders`, read from the environment."""
    of: str | None = None
    """Instead of a source, `table.column`: the rows are the distinct values of that key (a shop with no user table)."""
    id: str | None = None
    """The column that names a row; other tables' keys point at it."""
    time: str | None = None
    """When the row happened (a timestamp, a date, or a number of seconds since 1970)."""
    keys: dict[str, str] = Field(default_factory=dict)
    """Column of this table -> table whose `id` it holds."""


class Id(Settings):
    """An identifier: one learned vector per value seen in training."""

    kind: Literal["id"] = "id"
    min_count: int = Field(default=1, ge=1)
    """Values seen in fewer training rows share one vector of rare values."""


class Category(Settings):
    """One or many values out of a closed set."""

    kind: Literal["category"] = "category"
    separator: str | None = None
    """Splits a text cell into many values; a list column needs none."""
    min_count: int = Field(default=1, ge=1)
    """Values seen in fewer training rows share one vector of rare values."""
    most: int = Field(default=16, ge=1)
    """How many values of one row are read; the rest of a longer cell is left out."""


class Number(Settings):
    """A quantity. Standardised with statistics of the training part; a missing one is marked as such."""

    kind: Literal["number"] = "number"
    transform: Literal["auto", "none", "log", "quantile"] = "auto"
    """`auto` looks at the tail of the training part and chooses."""


class Time(Settings):
    """A moment, read as hour of the day, day of the week and day of the year on circles."""

    kind: Literal["time"] = "time"


class Text(Settings):
    """Words, read by the pretrained encoder of `model.text`."""

    kind: Literal["text"] = "text"
    of: list[str] | None = Field(default=None, min_length=2)
    """Several texts read as one, in this order: each a column of the table, or `key.column` of the table behind a key."""


class Image(Settings):
    """A picture, read by the encoder of `model.image`: a path relative to the table's file, an absolute one, or bytes."""

    kind: Literal["image"] = "image"


class Audio(Settings):
    """A sound, read as `model.audio` says: a path relative to the table's file, an absolute one, or bytes."""

    kind: Literal["audio"] = "audio"


class Embedding(Settings):
    """A vector given in the table, one list of numbers per row, all of one length."""

    kind: Literal["embedding"] = "embedding"


class History(Settings):
    """What happened to this row before: the keys of an event table, newest last, strictly before the example's time."""

    kind: Literal["history"] = "history"
    of: str
    """`table.key`: the key column of an event table that also has a key to the feature's own table, and a time."""
    last: int = Field(default=50, ge=1)
    """How many events are kept, the newest."""
    where: str | None = None
    """SQL condition on the event table: which of its rows count."""


class Graph(Settings):
    """What is known of this row: the facts of another table that lead from it to rows of a table (actors, also bought)."""

    kind: Literal["graph"] = "graph"
    of: str
    """`table.key`: the column of the graph table that says where a fact leads; if no key, its values are the rows."""
    head: str | None = None
    """The key of the graph table that says whose fact it is; its first other key to this row's table where not said."""
    relation: str | None = None
    """The column of the graph table that says what kind of fact it is; all facts are of one kind where not said."""
    most: int = Field(default=16, ge=1)
    """How many facts of one row are read; of more, so many are drawn once, by the recipe's seed."""
    where: str | None = None
    """SQL condition on the graph table: which of its rows count."""


class Ignore(Settings):
    """A column that is never read."""

    kind: Literal["ignore"] = "ignore"


Feature = Annotated[
    Annotated[
        Id | Category | Number | Time | Text | Image | Audio | Embedding | History | Graph | Ignore,
        Field(discriminator="kind"),
    ],
    BeforeValidator(short_form),
]
FeatureKind = Literal[
    "id", "category", "number", "time", "text", "image", "audio", "embedding", "history", "graph", "ignore"
]


JOINT: Final = "\x1f"
"""Stands between the parts of a text that is made of several, until an encoder puts its own separator there."""


class Place(NamedTuple):
    """A column reached from a table's rows along keys."""

    keys: tuple[str, ...]
    table: str
    column: str


def places_of(tables: Mapping[str, Table], name: str, of: Sequence[str]) -> list[Place]:
    """Find the columns that a text is made of.

    Args:
        tables: the tables.
        name: of the feature, `table.column`.
        of: `column`, `key.column`, `key.key.column`, …

    Raises:
        ValueError: a way that does not lead along keys; the text says where.
    """
    found = []
    for entry in of:
        table, (*keys, column) = name.partition(".")[0], entry.split(".")
        for key in keys:
            known = tables[table].keys if table in tables else {}
            if key not in known:
                raise ValueError(
                    f"Feature `{name}`: `of` should name columns of table `{table}`, or `key.column`, since its parts are "
                    f"reached along keys. Found `{entry}`, keys {sorted(known)}.{nearest(key, list(known))}"
                )
            table = known[key]
        found.append(Place(tuple(keys), table, column))
    return found


def _written(value: object) -> object:
    """Write a date or a number as text; YAML reads `2024-05-31` as a date."""
    return value if value is None else str(value)


class Delay(Settings):
    """A label that may still become 1: a purchase that comes days after the click."""

    at: str
    """SQL expression over the table's columns: when the label became 1; NULL while it has not."""
    window: str = Field(pattern=r"^\s*\d+(\.\d+)?\s*(second|minute|hour|day|week)s?\s*$")
    """How long after its example a label may become 1, such as `7 days`; later is never."""
    correction: Literal["importance", "wait"] = "importance"
    """What becomes of training rows whose window is not over: weighted by the chance to know by now, or not observed."""
    cut: Annotated[str | None, BeforeValidator(_written)] = None
    """The moment up to which labels of the training part are known; that of its latest example where not said."""

    @property
    def micros(self) -> int:
        """The window in microseconds."""
        number, unit = self.window.replace(" ", "").rstrip("s"), ""
        while number and number[-1].isalpha():
            number, unit = number[:-1], number[-1] + unit
        return round(float(number) * _MICROS[unit])


_MICROS: Final = {
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": 86_400_000_000,
    "week": 604_800_000_000,
}


class Task(Settings):
    """What every kind of task has in common; the kinds in `plait.tasks` add `kind` and their own options."""

    larger_is_better: ClassVar[bool] = True

    table: str
    """The table whose rows are the examples."""
    kind: TaskKind
    label: str
    """SQL expression over the table's columns. NULL means not observed, never 0. For retrieval: a key column."""
    where: str | None = None
    """SQL condition: the sample space. Rows outside it are no examples of this task."""
    weight: float = Field(default=1.0, ge=0)
    """Weight of the task's loss."""
    sample_weight: str | None = None
    """SQL expression: the weight of each example, 0 or more."""
    given: str | list[str] | None = None
    """The task or tasks this one depends on, on the same table: `buy` given `click`."""
    delay: Delay | None = None
    """For a binary label that may still become 1: when it did, how long that may take, and what is done about it."""
    inputs: list[str] | None = None
    """`table.column` features (or whole tables) the task may see; everything reachable where not said."""
    metric: str | None = None
    """The metric that decides; the kind's own where not said."""
    group: str | None = None
    """The column whose equal values form one list (ranking), or one user (AUC per user)."""
    text: str | None = None
    """For kinds that say something at the tokens of a text: the column that holds it."""
    filtered: list[str] | None = None
    """For retrieval: columns that make up the question, such as head and relation; other right answers to the same question,
    in any part, do not count against the one that is looked for."""

    @property
    def parents(self) -> list[str]:
        """The tasks this one is given."""
        return [self.given] if isinstance(self.given, str) else list(self.given or [])


class Split(Settings):
    """Which rows train, validate and test."""

    by: Literal["auto", "time", "user", "last", "random", "column"] = "auto"
    """`auto`: by time where the examples have one, else random. `last`: the last n rows of each user."""
    valid: float = Field(default=0.1, ge=0, lt=1)
    """Share of the rows (or of the users) for validation."""
    test: float = Field(default=0.1, ge=0, lt=1)
    """Share of the rows (or of the users) for the test."""
    n: int = Field(default=1, ge=1)
    """For `last`: how many rows of each user test, and as many validate."""
    user: str | None = None
    """The key that says whose row it is, for `user` and `last`; the table's first key where not said."""
    folds: int = Field(default=0, ge=0)
    """For `random` and `user`: cut into this many folds, of which one tests; `plait train --folds` sets it."""
    fold: int = Field(default=0, ge=0)
    """Which fold tests, from 0."""
    column: str | None = None
    """For `column`: the column that holds `train`, `valid` or `test`; where no row says `valid`, the share of `valid` is
    drawn at random from `train`."""


def _named_classes(value: object) -> object:
    """Write classes as text; YAML reads `5` as a number."""
    return [str(one) for one in value] if isinstance(value, list) else _written(value)


class Rule(Settings):
    """What must hold for a task's outcome: no prediction breaks it."""

    task: str
    """The task it is about: binary (yes), multiclass, multilabel or ordinal (`classes`), amount (anything above 0),
    retrieval (the candidate)."""
    rule: str
    """SQL condition over the task's table and those its keys lead to, as in `not (users.age < 18 and movies.adult)`. Where
    it is false the outcome is forbidden; where it is NULL nothing is known, and nothing forbidden."""
    table: str | None = None
    """The task's table, for the reader; any other is refused."""
    classes: Annotated[str | list[str] | None, BeforeValidator(_named_classes)] = None
    """The class or classes that are forbidden where the rule is false."""
    weight: float = Field(default=1.0, ge=0)
    """Weight of the penalty in training on what is predicted against the rule; 0 leaves it to the predictions alone."""

    @property
    def named(self) -> list[str]:
        """The classes it is about."""
        return [self.classes] if isinstance(self.classes, str) else list(self.classes or [])


class Schema(Settings):
    """Tables, features, tasks and split of one recipe, with nothing about the model."""

    tables: dict[str, Table]
    features: dict[str, Feature]
    """`table.column` -> how it is read; columns not named here are inferred."""
    tasks: dict[str, Task]
    split: Split
    seed: int
    rules: dict[str, Rule] = Field(default_factory=dict)
    """What must hold."""
