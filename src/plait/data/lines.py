"""Lines of CSV and TSV files that differ in their cells: the reader takes such a file for one of a single column."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from plait.errors import DataError

__all__ = ["check_lines"]

_SEPARATORS: Final = (",", "\t", ";", "|")


def check_lines(name: str, files: list[Path], columns: list[str]) -> None:
    """Check that text files were cut at their separators.

    Args:
        name: the table.
        files: its files.
        columns: the columns that the reader found; one with a separator in its name means that it cut nowhere.

    Raises:
        DataError: naming the first line that has more or fewer cells than the first.
    """
    separator = next((s for s in _SEPARATORS if len(columns) == 1 and s in columns[0]), None)
    for path in files if separator else ():
        with _text(path) as file:
            sizes = _sizes(file, separator or ",")
            _, wanted = next(sizes, (0, 0))
            for line, size in sizes:
                if size != wanted:
                    found = "a quotation mark that is never closed" if size is None else f"{size} cells"
                    raise DataError(
                        f"Table `{name}`: every line of {path} should have {wanted} cells, as the first has. Found {found} "
                        f"in line {line}. Correct the line, or write the file again with quotation marks around texts."
                    )


def _sizes(file: io.TextIOWrapper, separator: str) -> Iterator[tuple[int, int | None]]:
    """Count the cells of each line; None where a quotation mark runs on into what follows."""
    start = 1
    lines = csv.reader(file, delimiter=separator, strict=True)
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error:
            yield start, None
            return
        if cells:
            yield start, len(cells)
        start = lines.line_num + 1


def _text(path: Path) -> io.TextIOWrapper:
    opened = gzip.open if path.suffix == ".gz" else open
    return io.TextIOWrapper(opened(path, "rb"), encoding="utf-8", errors="replace", newline="")
