"""What training tells while it runs, and to whom. No torch: everything told is a plain number."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Literal, Protocol, final, runtime_checkable

from plait.train.fitted import Cosines, Fitted

__all__ = ["EpochRecord", "JsonLines", "Silent", "StartRecord", "StepRecord", "Watch", "Watchers"]


@final
@dataclass(frozen=True, slots=True)
class StartRecord:
    """Training starts, or goes on from a checkpoint."""

    tasks: Sequence[str]
    epochs: int
    steps: int
    """Steps of the whole run."""
    step: int
    """Steps done before."""
    device: str
    precision: str
    parameters: int
    phase: Literal["joint", "finish"] = "joint"


@final
@dataclass(frozen=True, slots=True)
class StepRecord:
    """Some steps were done since the last record."""

    step: int
    """Steps done in all."""
    epoch: int
    losses: Mapping[str, float]
    """Mean loss per task since the last record; tasks without a label among them are left out."""
    weights: Mapping[str, float]
    """Mean weight the balancer gave each task."""
    examples: int
    """Rows read in all."""
    seconds: float
    """Seconds of training in all, evaluation not counted."""
    skipped: int
    """Steps skipped in all because a loss or gradient was not finite."""


@final
@dataclass(frozen=True, slots=True)
class EpochRecord:
    """An epoch ended and was evaluated."""

    epoch: int
    """From 1."""
    step: int
    losses: Mapping[str, float]
    """Mean training loss per task over the epoch."""
    scores: Mapping[str, float]
    """Each task's deciding metric on the validation part."""
    best: bool
    """Whether it is the best so far."""
    seconds: float
    phase: Literal["joint", "finish"] = "joint"
    probes: Sequence[Cosines] = ()
    """The angles between the tasks' gradients as they were measured in the epoch."""


@runtime_checkable
class Watch(Protocol):
    """Whoever wants to know how training goes."""

    def started(self, record: StartRecord) -> None:
        """Training starts or goes on."""

    def step(self, record: StepRecord) -> None:
        """Some steps were done."""

    def epoch(self, record: EpochRecord) -> None:
        """An epoch was evaluated."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def finished(self, fitted: Fitted) -> None:
        """Training is over and the best epoch is restored."""

    def close(self) -> None:
        """Nothing follows, be it the end or an error."""


@final
class Silent:
    """Says nothing."""

    def started(self, record: StartRecord) -> None:
        """Say nothing."""

    def step(self, record: StepRecord) -> None:
        """Say nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def finished(self, fitted: Fitted) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


@final
class Watchers:
    """Tells several."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = list(watches)

    def started(self, record: StartRecord) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.started(record)

    def step(self, record: StepRecord) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.step(record)

    def epoch(self, record: EpochRecord) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.epoch(record)

    def note(self, text: str) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.note(text)

    def finished(self, fitted: Fitted) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.finished(fitted)

    def close(self) -> None:
        """Tell each."""
        for watch in self._watches:
            watch.close()


@final
class JsonLines:
    """Writes one JSON object per record to a file: `log.jsonl` of a run.

    A run that goes on continues its log: lines about steps that will be done again are dropped.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def started(self, record: StartRecord) -> None:
        """Write what is trained and how."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = (
            [line for line in self._lines() if 0 < record.step >= _step_of(line)]
            if record.phase == "joint"
            else self._lines()
        )
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._write("started", asdict(record))

    def step(self, record: StepRecord) -> None:
        """Write losses and weights."""
        self._write("step", asdict(record))

    def epoch(self, record: EpochRecord) -> None:
        """Write losses, scores and the angles between gradients."""
        self._write("epoch", {**asdict(record), "probes": [_probe(found) for found in record.probes]})

    def note(self, text: str) -> None:
        """Write a sentence."""
        self._write("note", {"text": text})

    def finished(self, fitted: Fitted) -> None:
        """Write the summary."""
        self._write("finished", {
            "best_epoch": fitted.best_epoch, "epochs": fitted.epochs, "step": fitted.steps, "seconds": fitted.seconds,
            "examples_per_second": fitted.examples_per_second, "skipped": fitted.skipped, "scores": fitted.scores,
        })  # fmt: skip

    def close(self) -> None:
        """Every line is on disk already."""

    def _lines(self) -> list[str]:
        return self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []

    def _write(self, event: str, values: Mapping[str, object]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, "at": round(time.time(), 3), **values}) + "\n")


def _probe(found: Cosines) -> dict[str, object]:
    """Lay one probe out as JSON, which has no NaN."""
    whole, parts = _nulled(found.between), {part: _nulled(between) for part, between in found.parts.items()}
    return {"step": found.step, "between": whole, "parts": parts, "lowered": _nulled(found.lowered)}


def _nulled(rows: Sequence[Sequence[float]]) -> list[list[float | None]]:
    return [[value if isfinite(value) else None for value in row] for row in rows]


def _step_of(line: str) -> int:
    """Return the step a line is about; a cut line is one to drop, a note is kept."""
    try:
        values = json.loads(line)
    except ValueError:
        return 2**62
    step = values.get("step", 0) if isinstance(values, dict) else 2**62
    return int(step) if isinstance(step, int) else 2**62
