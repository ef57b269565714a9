"""What a contestant said is kept, so that a bench that was stopped, or of which a part changed, does not train all again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plait.measure import Outcome

__all__ = ["Result", "kept"]

_ARRAYS = ("prediction", "label", "weight", "unit", "rank", "top")


@dataclass(frozen=True)
class Result:
    """What one contestant reached on the tasks of a part of the bench."""

    outcomes: dict[str, Outcome]
    """Per task its predictions for the test rows; the same rows in the same order, and the same classes, for all."""
    cost: float
    """Seconds of processor that training took."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Further numbers for the page."""


def kept(folder: Path, name: str, settings: object, make: Callable[[], Result]) -> Result:
    """Return what was kept under a name with the same settings, or make it and keep it.

    Args:
        folder: where.
        name: the part and the contestant.
        settings: all that changes the result, as JSON can say it.
        make: trains and predicts.
    """
    mark = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]
    path = folder / f"{name.replace(' ', '-')}-{mark}.npz"
    told = path.with_suffix(".json")
    if told.exists():
        print(f"  {name}: taken from {path.name}")
        return _read(path, told)
    load = os.getloadavg()[0]
    made = make()
    made.notes.update(load=[round(load, 1), round(os.getloadavg()[0], 1)])
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{task}/{part}": getattr(one, part) for task, one in made.outcomes.items() for part in _ARRAYS}
    np.savez(path, allow_pickle=False, **arrays)
    scalars = {task: {"catalogue": one.catalogue, "levels": list(one.levels)} for task, one in made.outcomes.items()}
    told.write_text(json.dumps({"cost": made.cost, "notes": made.notes, "outcomes": scalars}, indent=1), encoding="utf-8")
    return made


def _read(path: Path, told: Path) -> Result:
    found = json.loads(told.read_text(encoding="utf-8"))
    outcomes = {}
    with np.load(path, allow_pickle=False) as arrays:
        for task, scalars in found["outcomes"].items():
            own = {part: arrays[f"{task}/{part}"] for part in _ARRAYS}
            outcomes[task] = Outcome(**own, catalogue=scalars["catalogue"], levels=tuple(scalars["levels"]))
    return Result(outcomes, found["cost"], found["notes"])
