"""Golden requests: what was said when the bundle was made, kept with it, to be said again before it is put in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch

from plait.export.backend import Asker, Backend

__all__ = ["NAME", "golden_gap", "golden_requests", "write_golden"]

NAME: Final = "golden.json"
_USERS: Final = 8
_ITEMS: Final = 16


def golden_requests(backend: Backend) -> list[tuple[Asker, list[int]]]:
    """Return requests spread over users and items: nobody, some users, one with a history of their own.

    Args:
        backend: what answers them; users and items meet in it.
    """
    users = [0, *_spread(backend.users, _USERS)]
    items = _spread(backend.items, _ITEMS)
    asked = [(Asker(user), items) for user in users]
    if backend.shape.history is not None and items:
        asked.append((Asker(users[-1], tuple(items[:3])), items))
    return asked


def write_golden(folder: Path, backend: Backend, tolerance: float) -> None:
    """Write what a bundle says of golden requests, before its manifest is written.

    Args:
        folder: the bundle.
        backend: what answers in it.
        tolerance: how far another machine may be from this, in units of 1 + the value.
    """
    if not backend.shape.pairings:
        return
    requests = [
        {
            "row": asker.row,
            "recent": asker.recent,
            "items": items,
            "outputs": {task: found.tolist() for task, found in backend.rank(asker, torch.tensor(items)).items()},
        }
        for asker, items in golden_requests(backend)
    ]
    (folder / NAME).write_text(json.dumps({"tolerance": tolerance, "requests": requests}), encoding="utf-8")


def golden_gap(folder: Path, backend: Backend) -> tuple[float, float] | None:
    """Ask the golden requests again.

    Args:
        folder: the bundle.
        backend: what answers in it.

    Returns:
        the largest difference, in units of 1 + the value, infinity where a task is missing or a number not finite; and how
        large it may be. None where the folder holds no golden requests.
    """
    if not (folder / NAME).is_file():
        return None
    kept = json.loads((folder / NAME).read_text(encoding="utf-8"))
    worst = 0.0
    for request in kept["requests"]:
        recent = None if request["recent"] is None else tuple(request["recent"])
        said = backend.rank(Asker(request["row"], recent), torch.tensor(request["items"]))
        if set(said) != set(request["outputs"]):
            return float("inf"), kept["tolerance"]
        for task, values in request["outputs"].items():
            before = torch.tensor(values, dtype=torch.float64)
            now = said[task].double()
            if now.shape != before.shape or not bool(now.isfinite().all()):
                return float("inf"), kept["tolerance"]
            worst = max(worst, float(((now - before).abs() / (1 + before.abs())).max()))
    return worst, kept["tolerance"]


def _spread(count: int, most: int) -> list[int]:
    """Return at most `most` row numbers from 1, at even distances."""
    step = max(1, count // most)
    return list(range(1, count + 1, step))[:most]
