"""Files of a prepared folder: Parquet with page checksums, a folder that appears whole or not at all, its manifest."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from plait.data.sources import diagnose
from plait.errors import CorruptError, PlaitError

__all__ = [
    "appearing",
    "check_manifest",
    "file_name",
    "group_starts",
    "mapped_matrix",
    "read_groups",
    "read_parquet",
    "room",
    "write_groups",
    "write_manifest",
    "write_parquet",
]

MANIFEST: Final = "manifest.json"
_BLOCK: Final = 1 << 22
_ROWS: Final = 1 << 17


def file_name(name: str) -> str:
    """Turn a name of a table or feature into one that every file system takes, different names into different ones."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip(".")
    return safe if safe == name else f"{safe[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Say plainly that the disk is full, where writing to `path` ends that way.

    Raises:
        PlaitError: naming the path and the free space.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and "No space left" not in str(error):
            raise
        place = next(p for p in [path, *path.parents] if p.exists())
        free = shutil.disk_usage(place).free
        raise PlaitError(
            f"Writing {path} needs more space than the disk has; {free / 2**20:.0f} MiB are free. Nothing half-written was "
            f"left behind. Free some space, or choose another folder, and run the same command again."
        ) from error


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table with page checksums; the file appears whole or not at all.

    Raises:
        PlaitError: if the disk is full.
    """
    write_groups(iter([table]), path)


def write_groups(tables: Iterator[pa.Table], path: Path) -> None:
    """Write tables of one schema behind each other, large ones as several row groups, with page checksums.

    Raises:
        PlaitError: if the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with room(path):
            first = next(tables)
            with pq.ParquetWriter(
                temporary,
                first.schema,
                compression="none",
                use_dictionary=False,
                write_page_checksum=True,
                write_statistics=False,
            ) as writer:
                writer.write_table(first, row_group_size=_ROWS)
                for table in tables:
                    writer.write_table(table, row_group_size=_ROWS)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_parquet(path: Path, others: list[str] | None = None) -> pa.Table:
    """Read a table, or the columns that are not named in `others`, and verify its page checksums.

    Raises:
        CorruptError: naming file, row group and column.
    """
    with _open(path) as file:
        return file.read(columns=None if others is None else [c for c in file.schema_arrow.names if c not in set(others)])


def read_groups(path: Path, groups: list[int], columns: list[str]) -> pa.Table:
    """Read columns of some row groups and verify their page checksums.

    Raises:
        CorruptError: naming file, row group and column.
    """
    with _open(path) as file:
        return file.read_row_groups(groups, columns=columns, use_threads=False)


def group_starts(path: Path) -> list[int]:
    """Return the first row of each row group."""
    with _open(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    return [sum(sizes[:i]) for i in range(len(sizes))]


@contextmanager
def _open(path: Path) -> Iterator[pq.ParquetFile]:
    if not path.exists():
        raise CorruptError(f"{path} is missing from its folder. Prepare again, or copy the folder again.")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise diagnose(path, error) from error


def mapped_matrix(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Make a file for a memory-mapped int32 matrix, with all of its space taken at once.

    Raises:
        PlaitError: if the disk is full; without taking the space first, the process would be killed when it writes.
    """
    with room(path), path.open("wb") as file:
        if size := 4 * shape[0] * shape[1]:
            os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(path, np.int32, "r+", shape=shape) if size else np.empty(shape, np.int32)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder` to fill; afterwards it becomes `folder` at once, or, on an error, goes.

    A `folder` that another process finished in the meantime stays.

    Raises:
        PlaitError: if the disk is full.
    """
    with room(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
        temporary.mkdir()
    try:
        with room(folder):
            yield temporary
            _sync(temporary)
            try:
                temporary.rename(folder)
            except OSError as error:
                # Two processes may make the same folder: the first one to finish wins, and may already be read.
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Remove what a process that was killed left half-written."""
    for path in folder.parent.glob(f".{folder.name}.*"):
        process = path.name.removeprefix(f".{folder.name}.").split(".")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _digests(paths: list[Path]) -> list[str]:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(_digest, paths))


def write_manifest(folder: Path) -> None:
    """Write down the SHA-256 of every file of a folder."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    digests = dict(zip([p.relative_to(folder).as_posix() for p in paths], _digests(paths), strict=True))
    (folder / MANIFEST).write_text(json.dumps({"sha256": digests}, indent=1))


def check_manifest(folder: Path) -> None:
    """Compare every file of a folder with its manifest.

    Raises:
        CorruptError: naming the file that is missing or altered; for Parquet, its row group and column.
    """
    path = folder / MANIFEST
    try:
        expected: dict[str, str] = json.loads(path.read_text())["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptError(
            f"{path} should list the SHA-256 of every file of the folder; it is missing or unreadable. Prepare again."
        ) from error
    for name in expected:
        if not (folder / name).is_file():
            raise CorruptError(f"{folder / name} is missing, but {path} lists it. Prepare again, or copy the folder again.")
    found = _digests([folder / name for name in expected])
    for (name, digest), now in zip(expected.items(), found, strict=True):
        if digest != now:
            file = folder / name
            if file.suffix == ".parquet":
                raise diagnose(file, CorruptError(f"its SHA-256 should be {digest[:12]}… and is {now[:12]}…"))
            raise CorruptError(
                f"{file} was altered: its SHA-256 should be {digest[:12]}… and is {now[:12]}…. Prepare again."
            )
