"""Which files of a folder are tables, and what the tables are called."""

from __future__ import annotations

import re
from pathlib import Path

from plait.data.sources import format_of
from plait.errors import DataError

__all__ = ["find_files", "table_name", "waiting_parts"]

_LATER = ("test", "testing", "valid", "validation", "val", "dev", "eval")


def find_files(folder: Path) -> dict[str, str]:
    """Find the tables of a folder: one per file, or per sub-folder that holds parts of one table; also of one file.

    Returns:
        Table name -> source relative to the folder (of a file: to the folder it lies in), in the order of names.

    Raises:
        DataError: there is no such folder, or no Parquet, CSV, TSV or JSON-lines file in it.
    """
    if folder.is_file():
        return {table_name(folder.name, set()): folder.name}
    if not folder.is_dir():
        raise DataError(f"`{folder}` should be a folder of tables, or one file. Found nothing there.")
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_"))]
    files = [path for path in inside if path.is_file() and format_of(path)]
    parts = [path for path in inside if path.is_dir() and any(format_of(p) for p in path.iterdir() if p.is_file())]
    found: dict[str, str] = {}
    for path in files + parts:
        found[table_name(path.name, set(found))] = path.name
    if not found:
        endings = sorted({path.suffix for path in inside if path.is_file() and path.suffix})
        raise DataError(
            f"`{folder}` should hold tables as Parquet, CSV, TSV or JSON-lines files (.parquet, .csv, .tsv, .jsonl). Found "
            f"{f'files ending in {endings}' if endings else 'no file'}. Write the tables in one of these forms."
        )
    return found


def table_name(file: str, taken: set[str]) -> str:
    """Name a table like its file, without the ending and with nothing that would need quotes."""
    stem = file.split(".")[0] if not file.startswith(".") else file
    name = re.sub(r"\W+", "_", stem).strip("_") or "table"
    name = f"t{name}" if name[0].isdigit() else name
    while name in taken:
        name += "_"
    return name


def waiting_parts(columns: dict[str, list[str]]) -> dict[str, str]:
    """Find tables that are the test or validation part of another: `cameras_test` beside `cameras_train`.

    Args:
        columns: table -> its columns.

    Returns:
        The table to leave out -> the one it belongs to.
    """
    found: dict[str, str] = {}
    for name, own in columns.items():
        parts = name.lower().split("_")
        for later in set(parts) & set(_LATER):
            for train in ("train", "training"):
                wanted = "_".join(train if part == later else part for part in parts)
                match = next((other for other in columns if other.lower() == wanted), None)
                if match is not None and columns[match] == own:
                    found[name] = match
    return found
