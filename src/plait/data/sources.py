"""Files behind a table: which there are, in which order, their Parquet columns, and where a damaged one is damaged."""

from __future__ import annotations

import glob as globbing
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import pyarrow as pa
import pyarrow.parquet as pq

from plait.errors import CorruptError, DataError, nearest

__all__ = [
    "Matching",
    "Source",
    "check_files",
    "diagnose",
    "find",
    "fingerprint",
    "format_of",
    "parquet_batches",
    "parquet_column",
    "parquet_rows",
    "parquet_schema",
]

_FORMATS: Final = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
}
_ADVICE: Final = "Copy or write the file again."
_BLOCK: Final = 1 << 20
_SAMPLES: Final = 16
_BUFFER: Final = 1 << 16
"""Bytes of a column that a stream holds; without, whole row groups come into memory."""


@final
@dataclass(frozen=True, slots=True)
class Matching:
    """How the values of a key meet the ids they point at."""

    rows: int
    """Rows whose key is not NULL."""
    unmatched: int
    """Of them, rows whose value is no id of the target."""
    examples: list[str]
    """A few values without partner, the most frequent first."""


@final
@dataclass(slots=True)
class Source:
    """An open table: files of Parquet, or rows in memory."""

    schema: pa.Schema
    rows: int
    files: list[Path] = field(default_factory=list)
    memory: pa.Table | None = None
    origin: list[list[str | int]] = field(default_factory=list)
    """What identifies the content."""


def format_of(path: Path) -> str | None:
    """Say how a file is read by its ending: `parquet`, `csv` or `json`, also with `.gz` behind; None for any other."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return _FORMATS.get(suffixes[-1]) if suffixes else None


def find(name: str, source: str, base: Path) -> list[Path]:
    """List the files of a source, sorted by path, which fixes the order of the rows.

    Args:
        name: the table, for messages.
        source: a file, a folder or a glob.
        base: the folder that a relative source starts from.

    Raises:
        DataError: if there is no such file, or the files are of no known or of several formats.
    """
    path = base / source
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = sorted(f for f in path.rglob("*") if f.is_file() and format_of(f) and not f.name.startswith((".", "_")))
    else:
        files = sorted(Path(f) for f in globbing.glob(str(path), recursive=True) if Path(f).is_file())
    if not files:
        parent = path.parent if path.parent.is_dir() else base
        known = sorted(f.name for f in parent.iterdir()) if parent.is_dir() else []
        raise DataError(
            f"Table `{name}`: source `{source}` should name a file, folder or glob; nothing is at {path}."
            f"{nearest(path.name, known)} Correct `tables.{name}.source`."
        )
    formats = {format_of(f) for f in files}
    if len(formats) > 1 or None in formats:
        raise DataError(
            f"Table `{name}`: source `{source}` should hold files of one of the formats Parquet, CSV/TSV or JSON lines. "
            f"Found {sorted({''.join(f.suffixes) for f in files})}. Name the files with a glob such as `{source}/*.parquet`."
        )
    return files


def fingerprint(files: list[Path]) -> list[list[str | int]]:
    """Identify the content of files by path, size, time of change and a hash over blocks spread through each file."""
    found: list[list[str | int]] = []
    for path in files:
        status = path.stat()
        digest = hashlib.sha256()
        with path.open("rb") as file:
            if status.st_size <= _SAMPLES * _BLOCK:
                digest.update(file.read())
            else:
                step = (status.st_size - _BLOCK) // (_SAMPLES - 1)
                for i in range(_SAMPLES):
                    file.seek(i * step)
                    digest.update(file.read(_BLOCK))
        found.append([str(path), status.st_size, status.st_mtime_ns, digest.hexdigest()])
    return found


def diagnose(path: Path, error: Exception) -> CorruptError:
    """Find out which row group and column of a damaged Parquet file cannot be read.

    Args:
        path: the file.
        error: what the reader said.

    Returns:
        The error to raise, naming file, row group and column.
    """
    damage = _damage(path)
    return damage or CorruptError(f"{path}: the file cannot be read ({str(error).splitlines()[0]}). {_ADVICE}")


def check_files(paths: Iterable[Path]) -> None:
    """Read Parquet files whole, after a reader that does not say which of them it failed on.

    Raises:
        CorruptError: naming the first damaged file, row group and column.
    """
    for path in paths:
        if damage := _damage(path):
            raise damage


def _damage(path: Path) -> CorruptError | None:
    """Find the first row group and column of a Parquet file that cannot be read."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as found:
        text = str(found).splitlines()[0]
        return CorruptError(
            f"{path}: the file is truncated or no Parquet file, its footer cannot be read ({text}). {_ADVICE}"
        )
    for group in range(file.num_row_groups):
        for column in file.schema_arrow.names:
            try:
                file.read_row_group(group, columns=[column], use_threads=False)
            except (OSError, pa.ArrowException) as found:
                text = str(found).splitlines()[0]
                return CorruptError(f"{path}: row group {group}, column `{column}` cannot be read ({text}). {_ADVICE}")
    return None


def parquet_schema(name: str, files: list[Path]) -> pa.Schema:
    """Read the columns of Parquet files and check that all files have them alike.

    Raises:
        CorruptError: if a footer cannot be read.
        DataError: if the files differ.
    """
    first: pa.Schema | None = None
    for path in files:
        try:
            schema = pq.read_schema(path)
        except (OSError, pa.ArrowException) as error:
            raise diagnose(path, error) from error
        if len(set(schema.names)) < len(schema.names):
            twice = sorted({c for c in schema.names if schema.names.count(c) > 1})
            raise DataError(f"Table `{name}`: every column of {path} should have a name of its own. Found {twice} twice.")
        if first is None:
            first = schema
        elif schema.names != first.names:
            differing = sorted(set(schema.names) ^ set(first.names))
            raise DataError(
                f"Table `{name}`: all files of a source should have the same columns in the same order. {path} differs from "
                f"{files[0]} in {differing or 'their order'}. Write them alike, or make two tables."
            )
    assert first is not None
    return first


def parquet_rows(files: list[Path]) -> int:
    """Count rows from the footers."""
    total = 0
    for path in files:
        try:
            total += pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException) as error:
            raise diagnose(path, error) from error
    return total


def parquet_column(files: list[Path], column: str, dictionary: bool) -> pa.ChunkedArray:
    """Read one column of Parquet files in row order.

    Args:
        files: the files, in order.
        column: a top-level column.
        dictionary: whether text comes dictionary-encoded, as it lies in the file.

    Raises:
        CorruptError: naming file, row group and column.
    """
    chunks: list[pa.Array] = []
    for path in files:
        try:
            file = pq.ParquetFile(path, read_dictionary=[column] if dictionary else None, page_checksum_verification=True)
            chunks += file.read(columns=[column], use_threads=False).column(column).chunks
        except (OSError, pa.ArrowException) as error:
            raise diagnose(path, error) from error
    if not chunks:
        return pa.chunked_array([], type=parquet_schema("", files).field(column).type)
    try:
        return pa.chunked_array(chunks)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        widest = pa.unify_schemas([pa.schema([("c", c.type)]) for c in chunks], promote_options="permissive").field("c").type
        return pa.chunked_array([c.cast(widest) for c in chunks])


def parquet_batches(files: list[Path], columns: list[str], size: int, dictionary: list[str]) -> Iterator[pa.RecordBatch]:
    """Read some columns of Parquet files in batches of at most `size` rows, in row order.

    Raises:
        CorruptError: naming file, row group and column.
    """
    for path in files:
        try:
            file = pq.ParquetFile(path, read_dictionary=dictionary, page_checksum_verification=True, buffer_size=_BUFFER)
            yield from file.iter_batches(batch_size=size, columns=columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise diagnose(path, error) from error
