"""What the name of a column suggests: its words, and the lists of words that mean something.

A name only ever tips the balance: what the values look like comes first.
"""

from __future__ import annotations

import re

__all__ = [
    "SPLIT_WORDS",
    "TIME_WORDS",
    "WEIGHT_NAMES",
    "looks_like_code",
    "looks_like_id",
    "says",
    "singular",
    "words",
]

ID_WORDS = frozenset(
    "id ids uid guid uuid key asin sku isbn ean gtin upc docid pid iid sid cid nr userid itemid 编号 ids".split()
)
"""Words that end the name of an identifier."""

ENTITY_WORDS = frozenset(
    "user item movie product customer client member household article video book song session store shop author artist"
    " reviewer buyer seller visitor query doc document 用户 商品".split()
)
"""Things that a column named just so identifies (`user`, `item`)."""

TIME_WORDS = frozenset("time timestamp ts date datetime day at when created updated unix epoch 时间 日期".split())
"""Words in the name of a moment."""

CODE_WORDS = frozenset(
    "code category cat type class gender sex zip zipcode postcode status state country region city channel segment group"
    " brand genre department topic language lang currency os device browser level".split()
)
"""Words that end the name of a number that is no quantity, or stand before its `id`."""

CALENDAR_NAMES = frozenset("month weekday hour day dow day_of_week month_of_year hour_of_day wday week".split())
"""Names of numbers that count within a day, a week or a year."""

SPLIT_WORDS = frozenset("split part fold set subset partition dataset sample".split())
"""Words in the name of a column that says which rows train and which test."""

WEIGHT_NAMES = frozenset("instance_weight sample_weight fnlwgt survey_weight weight_of_row row_weight propensity".split())
"""Names of columns that weigh a row."""

_ENDING_IN_IE = frozenset("movies cookies calories zombies pies ties".split())
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAK = re.compile(r"[\W_]+")


def words(name: str) -> list[str]:
    """Split a column name into lower-case words: `reviewerID` and `reviewer_id` both give `reviewer`, `id`."""
    return [part.lower() for part in _BREAK.split(_CAMEL.sub("_", name)) if part]


def singular(word: str) -> str:
    """Strip an English plural: `movies` gives `movie`, `categories` gives `category`."""
    if word in _ENDING_IN_IE:
        return word[:-1]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def says(name: str, meaning: frozenset[str]) -> bool:
    """Tell whether any word of a name, or all of it, is in a list."""
    parts = words(name)
    return any(part in meaning or singular(part) in meaning for part in parts) or "_".join(parts) in meaning


def looks_like_id(name: str) -> bool:
    """Tell whether a name ends like an identifier's (`movieId`, `asin`), or names a thing and nothing else (`user`)."""
    parts = words(name)
    if not parts:
        return False
    last = parts[-1]
    return (
        last in ID_WORDS
        or (len(last) > 4 and last.endswith("id") and last[:-2] in ENTITY_WORDS)
        or (len(parts) == 1 and last in ENTITY_WORDS)
    )


def looks_like_code(name: str) -> bool:
    """Tell whether a number of that name is no quantity: `industry_code`, `category_id`, `month`."""
    parts = words(name)
    if not parts:
        return False
    before = parts[-2] if len(parts) > 1 and parts[-1] in ID_WORDS else ""
    return parts[-1] in CODE_WORDS or before in CODE_WORDS or "_".join(parts) in CALENDAR_NAMES
