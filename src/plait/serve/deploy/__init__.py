"""Which model answers: one in place, one before it, perhaps one in its shadow."""

from __future__ import annotations

__all__: list[str] = []
