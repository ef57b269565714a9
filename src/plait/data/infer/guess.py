"""What is guessed of a folder of tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import pyarrow as pa

from plait.data.infer.kinds import Choice
from plait.data.infer.profile import Profile
from plait.schema import Split, Table, TaskKind

__all__ = ["Guess", "Likely", "Seen"]


@final
@dataclass(frozen=True, slots=True)
class Seen:
    """One table as read.

    Attributes:
        name: its name in the recipe.
        source: the file, relative to the folder.
        rows: how many rows it has.
        values: the columns of whole numbers and short texts, for finding keys.
        profiles: what was seen of each column.
    """

    name: str
    source: str
    rows: int
    values: dict[str, pa.ChunkedArray]
    profiles: dict[str, Profile]


@final
@dataclass(frozen=True, slots=True)
class Likely:
    """A task that the columns suggest.

    Attributes:
        name: its name in the recipe.
        kind: its kind.
        table: the table whose rows are the examples.
        label: SQL expression.
        columns: the columns that the label names.
        why: what was seen, for the comment behind it.
        where: the sample space.
        inputs: what it may see, where not everything.
        group: whose equal values form one list or one user.
        rank: how sure the guess is; smaller comes first, and above 5 it is named in a comment only.
    """

    name: str
    kind: TaskKind
    table: str
    label: str
    columns: tuple[str, ...]
    why: str
    where: str | None = None
    inputs: tuple[str, ...] | None = None
    group: str | None = None
    rank: int = 5


@final
@dataclass(frozen=True, slots=True)
class Guess:
    """Everything guessed of a folder, with the reasons.

    Attributes:
        name: the recipe's name.
        base: the folder that sources are relative to.
        tables: the tables.
        features: `table.column` -> how it is read and why.
        tasks: the tasks of the recipe, the surest first; empty where no column looks like a label.
        possible: more tasks, for comments.
        split: which rows train.
        why: place in the recipe (`tables.ratings`, `split`) -> reason.
        left: file -> why it is no table of the recipe.
        rows: table with a file -> its rows.
    """

    name: str
    base: Path
    tables: dict[str, Table]
    features: dict[str, Choice]
    tasks: tuple[Likely, ...]
    possible: tuple[Likely, ...]
    split: Split
    why: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
