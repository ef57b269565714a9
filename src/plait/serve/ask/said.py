"""Values of a table as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["said"]


def said(value: Any) -> Any:  # noqa: ANN401
    """Write a value as JSON can hold it: no NaN, no infinity, times in words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [said(part) for part in value]
    return value if value is None or isinstance(value, bool | int) else str(value)
