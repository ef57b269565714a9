"""The service over HTTP: thin routes, and what stands at the door."""

from __future__ import annotations

__all__: list[str] = []
