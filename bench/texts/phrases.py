"""Labelled phrases as words of their sentences: where they stand, what is known of them, and how what is found compares."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from plait.measure import Outcome

__all__ = ["Dictionary", "Sentence", "Span", "outcome"]

Span = tuple[int, int]
"""First and last word."""
_WORD: Final = re.compile(r"[^\W_]+")
_NOWHERE: Final = 1_000_000


@dataclass(frozen=True)
class Sentence:
    """A sentence, its words, and the phrases that are labelled in it."""

    text: str
    words: list[tuple[int, int]]
    """First character and the one after the last."""
    marked: list[Span]
    """In order, none overlapping another."""
    lost: int
    """How many labelled phrases stand nowhere in it."""

    @classmethod
    def of(cls, text: str, phrases: Iterable[str]) -> Sentence:
        """Look phrases up, the longest first, whatever their case, and whether they are one or many."""
        words = [found.span() for found in _WORD.finditer(text)]
        plain = [_one(text[start:end]) for start, end in words]
        marked: list[Span] = []
        lost = 0
        for wanted in sorted((_spelled(phrase) for phrase in phrases), key=len, reverse=True):
            size = len(wanted)
            places = [at for at in range(len(plain) - size + 1) if size and tuple(plain[at : at + size]) == wanted]
            lost += not places
            for first in places:
                if all(first > end or first + size - 1 < start for start, end in marked):
                    marked.append((first, first + size - 1))
        return cls(text, words, sorted(marked), lost)

    def spelled(self, span: Span) -> tuple[str, ...]:
        """Return the words of a phrase, as they are compared."""
        return tuple(_one(self.text[start:end]) for start, end in self.words[span[0] : span[1] + 1])

    def places(self) -> list[dict[str, int]]:
        """Return the marked phrases as characters."""
        return [{"start": self.words[first][0], "end": self.words[last][1]} for first, last in self.marked]

    def at(self, start: int, end: int) -> Span | None:
        """Return the words that share a character with a place; nothing where none does."""
        touched = [place for place, (first, last) in enumerate(self.words) if first < end and start < last]
        return (touched[0], touched[-1]) if touched else None


class Dictionary:
    """The phrases of some sentences; in others the longest that are known are marked, from left to right.

    Args:
        sentences: to learn from.
        share: in how many of the places where a phrase stands it has to be marked, to be kept.
    """

    def __init__(self, sentences: Sequence[Sentence], share: float) -> None:
        marked = Counter(one.spelled(span) for one in sentences for span in one.marked)
        self.longest = max(map(len, marked), default=0)
        stood = Counter(phrase for one in sentences for phrase in self._runs(one) if phrase in marked)
        self.known = {phrase for phrase, times in marked.items() if times >= share * stood[phrase]}

    def mark(self, sentence: Sentence) -> list[Span]:
        """Mark phrases that are known."""
        found: list[Span] = []
        at, count = 0, len(sentence.words)
        while at < count:
            sizes = range(min(self.longest, count - at), 0, -1)
            size = next((n for n in sizes if sentence.spelled((at, at + n - 1)) in self.known), 0)
            if size:
                found.append((at, at + size - 1))
            at += max(size, 1)
        return found

    def _runs(self, sentence: Sentence) -> Iterable[tuple[str, ...]]:
        count = len(sentence.words)
        for size in range(1, self.longest + 1):
            for first in range(count - size + 1):
                yield sentence.spelled((first, first + size - 1))


def outcome(sentences: Sequence[Sentence], found: Sequence[Sequence[Span]], lost: bool) -> Outcome:
    """Set what was found beside what is marked.

    Args:
        sentences: the sentences.
        found: per sentence the phrases that someone found.
        lost: whether phrases that stand nowhere in their sentence count too, as missed.
    """
    wanted = [[*one.marked, *((_NOWHERE + n, _NOWHERE + n) for n in range(one.lost if lost else 0))] for one in sentences]
    return Outcome(_padded([[(*span, 1) for span in one] for one in found], 3), _padded(wanted, 2))


def _padded(rows: Sequence[Sequence[tuple[int, ...]]], width: int) -> Float[np.ndarray, "N P"]:
    most = max(1, *map(len, rows))
    made = np.full((len(rows), most, width), -1.0)
    for place, row in enumerate(rows):
        if row:
            made[place, : len(row)] = row
    return made.reshape(len(rows), most * width)


def _spelled(phrase: str) -> tuple[str, ...]:
    return tuple(_one(found.group()) for found in _WORD.finditer(phrase))


def _one(word: str) -> str:
    """Return a word in small letters, as if there were one of it."""
    small = word.lower()
    if small.endswith("ies") and len(small) > 4:
        return small[:-3] + "y"
    return small[:-1] if small.endswith("s") and not small.endswith("ss") and len(small) > 3 else small
