"""How long work says how far it is: one form for all that reads, encodes or trains."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Tell"]

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""
