"""How one column is best read: its kind of feature, why, and what else it could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from plait.data.infer.names import SPLIT_WORDS, TIME_WORDS, WEIGHT_NAMES, looks_like_code, looks_like_id, says, words
from plait.data.infer.profile import Profile
from plait.schema import Audio, Category, Embedding, Feature, Id, Ignore, Image, Number, Text, Time

__all__ = ["SAME", "Choice", "choose", "epoch_seconds", "splits_rows"]

SAME: Final = "the same value in every row"
"""Begins the reason why a column that never changes is no feature."""

_PARTS = frozenset(("train", "training", "valid", "validation", "val", "dev", "test", "testing"))
_SMALL = 12
_MANY_VALUES = 20_000
_TOO_MANY = 5_000


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """A guess.

    Attributes:
        feature: how the column is read.
        why: what was seen, for the comment behind the guess.
        others: kinds it could also be.
    """

    feature: Feature
    why: str
    others: tuple[str, ...] = ()


def epoch_seconds(seen: Profile) -> int | None:
    """Say how many units of an integer column make a second, if it looks like moments since 1970; 1, 1000 or 1000000."""
    if seen.shape != "integer" or seen.filled == 0 or looks_like_id(seen.name):
        return None
    named = says(seen.name, TIME_WORDS)
    for units in (1, 1_000, 1_000_000):
        start, end = (0.5e9 if not named else 1e8) * units, 4.2e9 * units
        if start <= seen.low and seen.high <= end and (named or seen.distinct > max(20, seen.filled // 20)):
            return units
    return None


def splits_rows(seen: Profile) -> bool:
    """Tell whether a column says which rows train and which test."""
    values = {value.strip().lower() for value, _ in seen.top}
    return seen.shape == "text" and 1 < seen.distinct <= 4 and values <= _PARTS and bool(values & {"train", "training"})


def choose(seen: Profile) -> Choice:
    """Choose how a column is read from its profile alone; keys and ids of tables are known to the caller."""
    if seen.shape == "empty":
        return Choice(Ignore(), "empty in every row")
    if seen.look and (seen.distinct > 1 or seen.shape == "other"):
        return _media(seen)
    if seen.shape == "other":
        return Choice(Ignore(), "no kind of feature reads such values")
    if seen.rows > 1 and seen.distinct <= 1 and seen.nulls == 0:
        value = f" ({seen.top[0][0]})" if seen.top else ""
        return Choice(Ignore(), f"{SAME}{value}")
    if splits_rows(seen) and says(seen.name, SPLIT_WORDS):
        return Choice(Ignore(), "says which rows train and which test")
    if seen.shape == "truth":
        return Choice(Category(), _values(seen))
    if seen.shape == "time":
        return Choice(Time(), f"{_n(seen.distinct)} moments")
    if seen.shape == "vector":
        return Choice(Embedding(), f"lists of {int(seen.length)} numbers")
    if seen.shape == "list":
        return _list(seen)
    return _text(seen) if seen.shape == "text" else _number(seen)


def _media(seen: Profile) -> Choice:
    """Read pictures and sounds, unless they lie behind URLs."""
    word = "pictures" if seen.look.startswith("image") else "sounds"
    if seen.look.endswith("url"):
        return Choice(Ignore(), f"URLs of {word}; download the files and write their paths to use them")
    feature: Feature = Image() if seen.look == "image" else Audio()
    held = f"names of {word}" if seen.shape == "text" else f"bytes of {word}"
    return Choice(feature, f"{_n(seen.filled)} {held}", ("ignore",))


def _n(count: int) -> str:
    """Write a count with thousands separated."""
    return f"{count:,}"


def _values(seen: Profile) -> str:
    """Name the values of a small column."""
    shown = ", ".join(_clip(value) for value, _ in seen.top[:4])
    return f"{_n(seen.distinct)} values: {shown}" + (", …" if seen.distinct > 4 else "")


def _clip(value: str) -> str:
    """Shorten a value for a comment, on one line."""
    value = " ".join(value.split())
    return value if len(value) <= 24 else value[:23] + "…"


def _list(seen: Profile) -> Choice:
    """Read a list column as many values, unless they are numbers that count something."""
    if seen.numeric and seen.low == seen.high:
        return Choice(Ignore(), f"lists of {int(seen.length)} whole numbers; write each number as a column to use it")
    if seen.distinct > _MANY_VALUES or seen.distinct * 2 > max(seen.filled * seen.length, 1):
        return Choice(Ignore(), f"{_n(seen.distinct)} different elements, few of which occur twice", ("category",))
    most = max(1, min(64, int(seen.high)))
    return Choice(Category(most=most), f"lists of {seen.length:.1f} values on average, {_n(seen.distinct)} different")


def _text(seen: Profile) -> Choice:
    """Read a text column: dates, many values, a category, words, or an identifier."""
    if seen.dates == 1:
        return Choice(Time(), f"dates written as text, {_n(seen.distinct)} different")
    if seen.many:
        most = max(1, min(64, seen.many.most))
        return Choice(
            Category(separator=seen.many.sign, most=most),
            f"{seen.many.mean:.1f} values of {_n(seen.many.values)} in a cell, split at {seen.many.sign!r}",
            ("text",),
        )
    if looks_like_id(seen.name) and seen.words < 2.5:
        return _identifier(seen)
    if seen.distinct > 100 and says(seen.name, TIME_WORDS) and seen.words < 8 and _with_digits(seen):
        return Choice(Ignore(), "looks like a date in a form that cannot be read; write it as 2024-12-31 to use it")
    if seen.distinct > 50 and seen.numeric == 1 and not looks_like_code(seen.name):
        return Choice(Number(), f"numbers written as text, {_n(seen.distinct)} different", ("category",))
    repeated = seen.repeats >= 5 or seen.rows < 100
    if seen.distinct <= max(20, min(_TOO_MANY, seen.filled // 5)) and repeated and seen.words < 8:
        others = ("text",) if seen.words >= 2 else ()
        return Choice(Category(), _values(seen), others)
    if seen.numeric == 0 and _bracketed_numbers(seen):
        return Choice(Ignore(), "lists of numbers written as text; write them as a list column to use them")
    if seen.words >= 1.5 or seen.chars > 40:
        return Choice(Text(), f"{_n(seen.distinct)} different texts of {seen.words:.0f} words", ("category",))
    return _identifier(seen)


def _with_digits(seen: Profile) -> bool:
    """Tell whether the most frequent values all hold a digit."""
    return all(any(c.isdigit() for c in value) for value, _ in seen.top[:3])


def _bracketed_numbers(seen: Profile) -> bool:
    """Tell whether the cells are printed lists of numbers."""
    shown = [value.strip() for value, _ in seen.top if value.strip() not in ("", "[]")]
    return bool(shown) and all(v[0] == "[" and v[-1] == "]" and not any(c.isalpha() for c in v) for v in shown)


def _identifier(seen: Profile) -> Choice:
    """Read names of things as ids where they come back, else not at all."""
    if seen.repeats >= 2:
        others = ("category", "ignore")
        return Choice(Id(), f"{_n(seen.distinct)} different values, each {seen.repeats:.1f} times on average", others)
    return Choice(Ignore(), f"{_n(seen.distinct)} different values in {_n(seen.filled)} rows: nothing to learn", ("id",))


def _number(seen: Profile) -> Choice:
    """Read numbers: moments, codes, identifiers, quantities."""
    if "_".join(words(seen.name)) in WEIGHT_NAMES:
        return Choice(Ignore(), "looks like the weight of a row: `sample_weight` of a task may use it", ("number",))
    if epoch_seconds(seen):
        return Choice(Time(), f"whole numbers that read as moments since 1970, {_n(seen.distinct)} different", ("number",))
    if seen.shape == "fraction":
        return Choice(Number(), _range(seen))
    if looks_like_id(seen.name) and not looks_like_code(seen.name):
        return _identifier(seen)
    if seen.unique and seen.rows > 20 and seen.high - seen.low + 1 == seen.rows:
        return Choice(Ignore(), "counts the rows: nothing to learn", ("number",))
    if seen.distinct == 2:
        return Choice(Category(), _values(seen), ("number",))
    if looks_like_code(seen.name) and seen.repeats >= 5 and seen.distinct <= _TOO_MANY:
        return Choice(Category(), f"{_n(seen.distinct)} codes", ("number",))
    if seen.distinct <= _SMALL and seen.repeats >= 20:
        return Choice(Category(), f"only {_n(seen.distinct)} different whole numbers", ("number",))
    return Choice(Number(), _range(seen), ("category",) if seen.distinct <= 100 else ())


def _range(seen: Profile) -> str:
    """Say where the numbers lie."""
    text = f"{seen.low:,.6g} to {seen.high:,.6g}"
    if seen.zeros > 0.3:
        text += f", {seen.zeros:.0%} zeros"
    return text + (", heavy tail" if seen.heavy else "") + (f", {seen.nulls / seen.rows:.0%} empty" if seen.nulls else "")
