"""The tables of a store: what people did, what operators changed, and items that came after training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, final

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, MetaData, String, Table, UniqueConstraint

__all__ = ["CHANGES", "EVENTS", "ITEMS", "METADATA", "Change", "Event", "Item"]

METADATA: Final = MetaData()
# SQLite numbers rows by itself only where the type is exactly INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

EVENTS: Final = Table(
    "events",
    METADATA,
    Column("number", _NUMBER, primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("user", String(500), nullable=False),
    Column("item", String(500), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("value", Float),
    Column("at", Float, nullable=False),
    Column("more", JSON, nullable=False),
    Index("events_of_a_user", "user", "number"),
)

CHANGES: Final = Table(
    "changes",
    METADATA,
    Column("number", _NUMBER, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(200), nullable=False),
    Column("what", String(200), nullable=False),
    Column("more", JSON, nullable=False),
)

ITEMS: Final = Table(
    "items",
    METADATA,
    Column("number", _NUMBER, primary_key=True),
    Column("table", String(200), nullable=False),
    Column("id", String(500), nullable=False),
    Column("row", JSON, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("table", "id"),
)


@final
@dataclass(frozen=True, slots=True)
class Event:
    """One thing a user did.

    Attributes:
        key: the idempotency key: an event that is sent again under the same key is kept once.
        user: id of the user.
        item: id of the item.
        kind: what was done: a task's name, or any word.
        value: how much of it: stars, an amount, 1 for yes and 0 for no; None where the kind says all.
        at: when, in seconds since 1970.
        more: what else belongs to it, such as the place in the list, its propensity and the model that made the list.
    """

    key: str
    user: str
    item: str
    kind: str
    value: float | None = None
    at: float = 0.0
    more: dict[str, object] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Change:
    """One thing an operator changed.

    Attributes:
        at: when, in seconds since 1970.
        who: name of the key that asked for it.
        what: what was changed.
        more: from what to what.
    """

    at: float
    who: str
    what: str
    more: dict[str, object] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class Item:
    """An item that came after training.

    Attributes:
        table: the table that it belongs to.
        id: its id, as a text.
        row: its columns, as they were sent.
        at: when, in seconds since 1970.
    """

    table: str
    id: str
    row: dict[str, object]
    at: float = 0.0
