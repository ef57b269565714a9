"""Docstrings are written as a person reads them in an editor; here they become what Sphinx reads.

`name` becomes a literal, an indented drawing or formula a literal block, and characters that reStructuredText would take as
its own are escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SECTION = re.compile(r"^\s*(Args|Attributes|Example|Examples|Raises|References|Relations|Returns|Shape|Yields):\s*$")


def read_as_written(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Change the lines of a docstring in place; an event handler of autodoc that runs before napoleon's."""
    head = next((number for number, line in enumerate(lines) if SECTION.match(line)), len(lines))
    text = "\n".join(
        [*_with_literal_blocks(lines[:head]), *(f"\x01{line}" if ">>>" in line else line for line in lines[head:])]
    )
    lines[:] = [line.replace("\x01", "") for line in _with_literals(text).split("\n")]


def _with_literal_blocks(lines: list[str]) -> Iterator[str]:
    """Mark indented paragraphs, each line of them with a sign that says: leave alone."""
    inside, blank = False, True
    for line in lines:
        indented = line.startswith("    ")
        if indented and blank and not inside:
            inside = True
            yield from ("::", "")
        elif line.strip() and not indented:
            inside = False
        blank = not line.strip()
        yield f"\x01{line}" if inside and not blank else line


def _with_literals(text: str) -> str:
    """Turn `name` into a literal, also over a line's end, and escape the rest, except in lines marked to be left alone."""
    found: list[str] = []
    for part in re.split(r"(^\x01.*$)", text, flags=re.MULTILINE):
        if part.startswith("\x01"):
            found.append(part)
            continue
        for piece in re.split(r"(``.+?``(?!`)|`[^`]+`_|`[^`]+`)", part, flags=re.DOTALL):
            if piece.endswith("`_"):  # a link
                found.append(piece)
            elif piece.startswith("`"):
                found.append("``" + " ".join(piece.strip("`").split()) + "``\\ ")
            else:
                found.append(re.sub(r"(?<=\w)_(?=\W|$)|(?<![\w*])\*(?=\w)|\|", r"\\\g<0>", piece))
    return "".join(found)
