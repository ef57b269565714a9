"""A run as a page and an HTTP interface; `Service` is the same without HTTP."""

from __future__ import annotations

__all__: list[str] = []
