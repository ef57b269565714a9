"""Which column says when a row happened, and how that splits the rows."""

from __future__ import annotations

from collections.abc import Mapping

from plait.data.infer.guess import Likely, Seen
from plait.data.infer.kinds import epoch_seconds, splits_rows
from plait.data.infer.names import SPLIT_WORDS, TIME_WORDS, says, words
from plait.data.infer.profile import Profile
from plait.schema import Split, Table

__all__ = ["find_split", "find_time"]

_NOT_EVENTS = frozenset(
    "birth born birthday release released expire expires expiry deadline end until due start valid dob".split()
)
_EVENTS = ("timestamp", "time", "datetime", "event", "created", "at", "date", "ts")


def find_time(table: Seen, events: bool) -> str | None:
    """Find the column that says when a row happened.

    Args:
        table: the table.
        events: whether the rows look like events (they hold keys, or have no id); a table of things has dates, but no time.
    """
    if not events:
        return None
    found = [seen for seen in table.profiles.values() if _is_moment(seen) and not set(words(seen.name)) & _NOT_EVENTS]
    found = [seen for seen in found if seen.nulls < 0.05 * max(seen.rows, 1) and seen.distinct > 1]
    named = [seen for seen in found if says(seen.name, TIME_WORDS)]
    best = min(named or found, key=_rank, default=None)
    return best.name if best else None


def _is_moment(seen: Profile) -> bool:
    """Tell whether values are moments in a form that can be ordered."""
    return seen.shape == "time" or seen.dates == 1 or epoch_seconds(seen) is not None


def _rank(seen: Profile) -> tuple[int, int]:
    """Order moments by how surely their name speaks of an event, then by how fine they are."""
    parts = words(seen.name)
    return next((i for i, word in enumerate(_EVENTS) if word in parts), len(_EVENTS)), -seen.distinct


def find_split(seen: Mapping[str, Seen], tables: Mapping[str, Table], tasks: tuple[Likely, ...]) -> tuple[Split, str]:
    """Choose how rows are split, and say why.

    Args:
        seen: the tables as read.
        tables: the tables of the recipe.
        tasks: the tasks of the recipe.
    """
    examples = list(dict.fromkeys(task.table for task in tasks))
    for name in examples:
        for column in seen[name].profiles.values():
            if splits_rows(column) and says(column.name, SPLIT_WORDS):
                shares = ", ".join(f"{value} {count / column.filled:.0%}" for value, count in column.top)
                return Split(by="column", column=column.name), f"`{name}.{column.name}` says it: {shares}"
    timed = [name for name in examples if tables[name].time]
    if timed and len(timed) == len(examples):
        return Split(by="time"), "the newest rows test, those before them validate"
    if timed:
        others = ", ".join(f"`{name}`" for name in examples if name not in timed)
        return Split(by="auto"), f"`{timed[0]}` by time, the newest rows test; {others} at random, having no time"
    return Split(by="random"), "no table of a task has a time"
