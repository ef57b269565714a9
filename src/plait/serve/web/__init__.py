"""The pages for people: what they show, in which language, and what a browser loads for them."""

from __future__ import annotations

__all__: list[str] = []
