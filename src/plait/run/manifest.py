"""The manifest of a folder: the SHA-256 of every file in it, written last, checked at every load."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from plait.errors import CorruptError, RunError

__all__ = ["BUNDLE", "ENCODER", "INSIDE", "NAME", "PHASES", "check_manifest", "sha256", "write_file", "write_manifest"]

NAME: Final = "manifest.json"
PHASES: Final = "phases"
"""Where an unfinished run keeps the checkpoints of each of its trainings; gone when the run is finished."""
ENCODER: Final = "encoder"
"""Where a run keeps its text encoder, if that was a part of the model."""
BUNDLE: Final = "serving.json"
"""What a bundle says of itself, and a run does not have."""
INSIDE: Final = "run"
"""Where a bundle keeps the run."""
_LEFT_OUT: Final = (PHASES, "log.jsonl", "tensorboard", NAME)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file so that after a crash either the old or the new content is there, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_manifest(folder: Path) -> None:
    """Write the manifest over every file of a finished folder that never changes again."""
    files = {name: sha256(folder / name) for name in _files(folder)}
    write_file(folder / NAME, json.dumps({"files": files}, indent=1))


def check_manifest(folder: Path, only: Collection[str] | None = None) -> None:
    """Compare every file with the manifest.

    Args:
        folder: the run.
        only: the names of the files to compare, where the others are not needed.

    Raises:
        RunError: there is no manifest: the folder is no run, or its training did not finish.
        CorruptError: a file is missing or altered; all of them are named.
    """
    if not folder.is_dir():
        raise RunError(
            f"`{folder}` should be a run folder. Found no such folder. `plait train RECIPE --out {folder}` makes one."
        )
    try:
        files: dict[str, str] = dict(json.loads((folder / NAME).read_text())["files"])
    except FileNotFoundError:
        unfinished = (folder / "log.jsonl").exists()
        hint = "its training did not finish: run `plait train` again with --resume" if unfinished else "it is no run folder"
        raise RunError(f"`{folder}` should hold `{NAME}`. Found none: {hint}.") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CorruptError(f"`{folder / NAME}` should be a manifest. Found something else: the file was altered.") from None
    _stay_inside(folder, [*files])
    files = {name: digest for name, digest in files.items() if only is None or name in only}
    missing = [name for name in files if not (folder / name).is_file()]
    altered = [name for name, digest in files.items() if name not in missing and sha256(folder / name) != digest]
    if missing or altered:
        found = "; ".join(
            f"{len(names)} {what}: {', '.join(f'`{n}`' for n in names[:5])}"
            for what, names in (("missing", missing), ("altered", altered))
            if names
        )
        raise CorruptError(
            f"Run `{folder}` should hold the files its manifest lists, byte for byte. Found {found}. "
            f"Copy the run again, or train it again."
        )


def _stay_inside(folder: Path, names: list[str]) -> None:
    """Make sure that no name of a manifest, and no file that has one, leads out of the folder."""
    home = folder.resolve()
    leading = [name for name in names if not (home / name).resolve().is_relative_to(home)]
    if leading:
        raise CorruptError(
            f"`{folder / NAME}` should list files of its own folder. Found {len(leading)} that lie elsewhere, such as "
            f"`{leading[0]}`. Do not use this folder unless you know who made it."
        )


def _files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in _LEFT_OUT
    )
