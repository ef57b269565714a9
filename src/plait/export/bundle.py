"""What is served: a run, or the bundle that was exported from one, checked as it is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from plait.export.certainty import Certainty
from plait.export.eager import EagerBackend
from plait.export.onnx_backend import OnnxBackend
from plait.export.serving import NAME as SERVING
from plait.export.serving import read_serving
from plait.run.manifest import INSIDE, NAME, check_manifest, sha256
from plait.run.run import Run

if TYPE_CHECKING:
    from plait.export.backend import Backend

__all__ = ["Bundle", "load_bundle"]


@final
@dataclass(frozen=True, slots=True)
class Bundle:
    """What is served.

    Attributes:
        run: the run: its tables, its report, its model.
        backend: scores users with items.
        manifest: file -> SHA-256.
        formula: how the tasks' scores become one, where the bundle says so.
        answers: task -> when its answers count as known, where the bundle says so.
    """

    run: Run
    backend: Backend
    manifest: dict[str, str]
    formula: str | None = None
    answers: dict[str, Certainty] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """SHA-256 of the manifest, which every answer says."""
        return self.backend.version


def load_bundle(folder: Path | str, runtime: Literal["onnx", "torch"] = "onnx") -> Bundle:
    """Load what is served, every file compared with its SHA-256.

    Args:
        folder: a bundle; or a run, which is scored by its model.
        runtime: what runs a bundle's graphs: ONNX Runtime, or the machine code that `--compiled` left in it.

    Raises:
        RunError: there is no such folder, or it is not finished.
        CorruptError: a file is missing or altered, or leads out of the folder.
    """
    place = Path(folder)
    if not (place / SERVING).exists():
        run = Run(place)
        return Bundle(run, EagerBackend(run), _files(place))
    check_manifest(place)
    serving = read_serving(place)
    run = Run(place / INSIDE)
    backend = OnnxBackend(run, place, serving, sha256(place / NAME), runtime)
    return Bundle(run, backend, _files(place), serving.formula, serving.answers)


def _files(folder: Path) -> dict[str, str]:
    files: dict[str, str] = json.loads((folder / NAME).read_text(encoding="utf-8"))["files"]
    return files
