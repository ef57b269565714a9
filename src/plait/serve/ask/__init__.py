"""What a service is asked, one kind of question a file; what is asked is in `questions`, what is said in `answers`."""

from __future__ import annotations

__all__: list[str] = []
