"""Whether a page is well formed, and its words."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "input"}


class Checker(HTMLParser):
    """Tags that open and close in order, ids that occur once."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.words.append(data)


def checked(page: str) -> str:
    """Return the words of a page, whose tags open and close in order and whose ids occur once."""
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    return " ".join(" ".join(checker.words).split())


def written(page: str) -> list[float]:
    """Return every number that a page marks as one."""
    return [float(value) for value in re.findall(r'<data[^>]* value="([^"]+)"', page)]
