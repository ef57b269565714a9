"""What stands on a page."""

from __future__ import annotations

import re

__all__ = ["written"]


def written(page: str) -> list[float]:
    """Return every number that a page marks as one."""
    return [float(value) for value in re.findall(r'<data[^>]* value="([^"]+)"', page)]
