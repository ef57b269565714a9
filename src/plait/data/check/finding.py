"""What a check found: one line for a person, one object for a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, final

import pyarrow as pa

__all__ = ["Finding", "Status", "lines", "rows_of", "to_json"]

Status = Literal["PASS", "WARN", "FAIL"]
_CELL = 60


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        status: PASS, WARN (it can be trained, look at it) or FAIL (it cannot be trained, or means something else).
        name: the check.
        table: the table, or where `column` is empty the task's.
        column: the column; for checks of a label, the task.
        message: what was found, what should be, what to do.
        examples: a few rows, column -> value.
    """

    status: Status
    name: str
    table: str
    column: str
    message: str
    examples: list[dict[str, object]] = field(default_factory=list)


def lines(findings: Sequence[Finding]) -> list[str]:
    """Write findings as lines `PASS  name  table.column  message`, example rows below."""
    places = [f"{f.table}.{f.column}" if f.column else f.table for f in findings]
    wide = max((len(f.name) for f in findings), default=0)
    far = min(40, max((len(place) for place in places), default=0))
    written: list[str] = []
    for found, place in zip(findings, places, strict=True):
        written.append(f"{found.status}  {found.name:<{wide}}  {place:<{far}}  {found.message}".rstrip())
        for row in found.examples:
            cells = ", ".join(f"{key}={_cell(value)}" for key, value in row.items())
            written.append(f"        {cells}")
    return written


def to_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Write findings as plain objects for JSON."""
    return [asdict(found) for found in findings]


def rows_of(table: pa.Table, most: int = 3) -> list[dict[str, object]]:
    """Turn the first rows of a table into examples; values that JSON does not know become text."""
    rows: list[dict[str, object]] = table.slice(0, most).to_pylist()
    return [{key: _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    """Keep what JSON knows; NaN and infinities become text."""
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, dict):
        return str({key: _plain(part) for key, part in value.items()})
    if isinstance(value, list):
        return [_plain(part) for part in value[:8]]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _cell(value: object) -> str:
    """Write a value short and on one line."""
    text = " ".join(str(value).split()) if value is not None else "NULL"
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
