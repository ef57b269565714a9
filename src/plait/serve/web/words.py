"""The words of the pages in other languages: a file of English sentences and what they are there."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from plait.serve.web.look import Language

__all__ = ["FOLDER", "translated"]

FOLDER: Final = Path(__file__).parent.parent / "pages"


@cache
def _words(language: Language) -> dict[str, str]:
    if language == "en":
        return {}
    found: dict[str, str] = json.loads((FOLDER / f"words.{language}.json").read_text(encoding="utf-8"))
    return found


def translated(language: Language, sentence: str) -> str:
    """Return a sentence in a language; as it is where the language has no word for it.

    Args:
        language: which.
        sentence: English, with `%(name)s` where something is put in.
    """
    return _words(language).get(sentence, sentence)
