"""Which sign splits the cells of a text column into many values, if any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Many", "find_separator"]

_SIGNS = ("|", ";", ",", "/")
_LOOK = 5000


@final
@dataclass(frozen=True, slots=True)
class Many:
    """A column of many values in one cell.

    Attributes:
        sign: what stands between two values.
        values: different values after splitting.
        mean: values of one row on average.
        most: values of the row with the most.
    """

    sign: str
    values: int
    mean: float
    most: int


def find_separator(column: pa.ChunkedArray) -> Many | None:
    """Find the sign that turns cells into few, short, repeated values.

    Args:
        column: texts.

    Returns:
        None where no sign does: cells are names or sentences, or hold one value each.
    """
    cells = column.drop_null().combine_chunks()
    cells = cells.filter(pc.greater(pc.utf8_length(cells), 0)).slice(0, _LOOK)
    if len(cells) < 20:
        return None
    distinct = len(cells.unique())
    found = [many for sign in _SIGNS if (many := _try(cells, sign, distinct))]
    return min(found, key=lambda many: many.values / many.mean, default=None)


def _try(cells: pa.Array, sign: str, distinct: int) -> Many | None:
    """Split by one sign and judge the parts."""
    holds = pc.mean(pc.match_substring(cells, sign).cast(pa.int8())).as_py()
    if holds < 0.15:
        return None
    split = pc.split_pattern(cells, sign)
    lengths = pc.list_value_length(split)
    parts = pc.list_flatten(split)
    values = parts.unique()
    mean = pc.mean(lengths).as_py()
    spaces = pc.mean(pc.count_substring(values, " ")).as_py()
    padded = pc.mean(pc.starts_with(parts, " ").cast(pa.int8())).as_py()
    bracketed = pc.mean(pc.match_substring_regex(cells, r"^\s*[\[{(].*[\])}]\s*$").cast(pa.int8())).as_py()
    short = pc.mean(pc.utf8_length(values)).as_py() <= 25 and spaces <= 2 and padded < 0.2 and bracketed < 0.5
    numeric = pc.mean(pc.match_substring_regex(values, r"^[\d.\s:-]+$").cast(pa.int8())).as_py() > 0.9 and sign in ",/"
    combined = len(values) < 0.7 * distinct and len(parts) >= 4 * len(values)
    if not (short and combined) or (numeric and mean < 1.5):
        return None
    return Many(sign, len(values), mean, pc.max(lengths).as_py())
