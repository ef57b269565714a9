"""Checkpoints that survive a kill at any moment: a new folder, then a pointer replaced in one step. Never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from pydantic import JsonValue
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from plait.errors import CorruptError

__all__ = ["Checkpoint", "Checkpoints"]

_POINTER: Final = "latest.json"
_STATE: Final = "state.json"


@final
@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one checkpoint holds.

    Attributes:
        tensors: file stem (`weights`, `training`, `best`) -> name -> tensor.
        state: everything that is no tensor.
    """

    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Group:
    """A file of tensors as written."""

    tensors: Mapping[str, Tensor]
    path: Path
    digest: str


@final
class Checkpoints:
    """The checkpoints of one run, the newest two.

    A checkpoint is a folder `step-00000120` with one safetensors file per group of tensors and `state.json`. It is written
    under a name that was never used, its files and the folder are synced, and only then the pointer `latest.json`, which
    holds the SHA-256 of every file of the kept checkpoints, is replaced. A kill leaves at worst a folder no pointer knows,
    which the next write removes. Nothing that a pointer knows is ever written again.

    Args:
        folder: where they lie; made when the first is written.
        keep: how many are kept.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self._keep = keep
        self._written: dict[str, _Group] = {}

    def exists(self) -> bool:
        """Say whether a checkpoint was ever finished here."""
        return (self.folder / _POINTER).is_file()

    def write(self, step: int, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint and make it the newest.

        A group of tensors that is the same object as in the checkpoint before is linked, not written again.

        Args:
            step: number in the folder's name.
            checkpoint: what to keep.

        Raises:
            OSError: the disk is full or the folder cannot be written; the checkpoints before stay as they are.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self._pointer() if self.exists() else []
        self._tidy({name for name, _ in known})
        place = self._fresh(step)
        place.mkdir()
        written = {f"{name}.safetensors": self._group(place, name, group) for name, group in checkpoint.tensors.items()}
        sums = {file: group.digest for file, group in written.items()}
        (place / _STATE).write_text(json.dumps(checkpoint.state, allow_nan=True), encoding="utf-8")
        sums[_STATE] = _digest(place / _STATE)
        for file in sums:
            _sync(place / file)
        _sync(place)
        _sync(self.folder)
        kept = [(place.name, sums), *known][: self._keep]
        self._point(kept)
        self._written = written
        self._tidy({name for name, _ in kept})
        return place

    def load(self) -> tuple[Checkpoint, list[str]]:
        """Read the newest checkpoint that is whole.

        Returns:
            The checkpoint, and one sentence for each newer one that is damaged.

        Raises:
            CorruptError: none is whole.
        """
        damaged: list[str] = []
        for name, sums in self._pointer():
            problem = self._problem(self.folder / name, sums)
            if problem is None:
                return self._read(self.folder / name, sums), damaged
            damaged.append(problem)
        raise CorruptError(" ".join([*damaged, "No whole checkpoint is left; train again without --resume."]))

    def _group(self, place: Path, name: str, tensors: Mapping[str, Tensor]) -> _Group:
        """Write or link one file of tensors."""
        path = place / f"{name}.safetensors"
        before = self._written.get(path.name)
        if before is not None and before.tensors is tensors:
            try:
                os.link(before.path, path)
            except OSError:  # a file system without hard links
                shutil.copyfile(before.path, path)
            return _Group(tensors, path, before.digest)
        _save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, path)
        return _Group(tensors, path, _digest(path))

    def _fresh(self, step: int) -> Path:
        """Return a folder name that was never used."""
        path = self.folder / f"step-{step:08d}"
        number = 1
        while path.exists():
            number += 1
            path = self.folder / f"step-{step:08d}.{number}"
        return path

    def _point(self, kept: list[tuple[str, dict[str, str]]]) -> None:
        """Replace the pointer in one step."""
        body = json.dumps([{"folder": name, "sha256": sums} for name, sums in kept], indent=1)
        text = json.dumps({"checkpoints": json.loads(body), "sha256": hashlib.sha256(body.encode()).hexdigest()}, indent=1)
        new = self.folder / f"{_POINTER}.new"
        new.write_text(text, encoding="utf-8")
        _sync(new)
        new.replace(self.folder / _POINTER)
        _sync(self.folder)

    def _pointer(self) -> list[tuple[str, dict[str, str]]]:
        """Read the pointer, newest first."""
        path = self.folder / _POINTER
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            entries = content["checkpoints"]
            whole = hashlib.sha256(json.dumps(entries, indent=1).encode()).hexdigest() == content["sha256"]
            found = [(str(entry["folder"]), {str(k): str(v) for k, v in entry["sha256"].items()}) for entry in entries]
        except (ValueError, KeyError, TypeError, AttributeError):
            whole, found = False, []
        except FileNotFoundError:
            raise CorruptError(
                f"`{path}` should say which checkpoint is the newest. Found no such file. Train again without --resume."
            ) from None
        if not whole:
            raise CorruptError(
                f"`{path}` should hold the names and SHA-256 of the checkpoints. Found it altered. "
                "Train again without --resume."
            )
        return found

    def _problem(self, place: Path, sums: Mapping[str, str]) -> str | None:
        """Say what is wrong with a checkpoint, None where nothing is."""
        for file, digest in sums.items():
            path = place / file
            if not path.is_file():
                return f"`{path}` is missing."
            if _digest(path) != digest:
                return f"`{path}` was altered or cut short: its SHA-256 is not the one written down with it."
        return None

    def _read(self, place: Path, sums: Mapping[str, str]) -> Checkpoint:
        tensors = {Path(file).stem: load_file(place / file) for file in sums if file != _STATE}
        return Checkpoint(tensors, json.loads((place / _STATE).read_text(encoding="utf-8")))

    def _tidy(self, known: set[str]) -> None:
        """Remove folders no pointer knows."""
        for path in self.folder.glob("step-*"):
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors; the library wraps what the operating system says in an error of its own."""
    try:
        save_file(tensors, path)
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
