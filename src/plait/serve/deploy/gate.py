"""The gate: what a model must pass before it is put in place, each check with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from plait.errors import PlaitError
from plait.export.bundle import Bundle
from plait.export.golden import golden_gap, golden_requests
from plait.measure import larger_is_better

__all__ = ["ALLOWED", "faults", "finite"]

ALLOWED: Final = 0.02
"""How much worse a task's figure may be, relative to that of the model in place."""


def faults(candidate: Bundle, folder: Path, current: Bundle, allowed: float = ALLOWED) -> list[str]:
    """Say why a model may not take another's place; nothing where it may.

    Its files were compared with their SHA-256 when it was loaded.

    Args:
        candidate: the one that would come.
        folder: where it lies.
        current: the one in place.
        allowed: how much worse a task's figure may be, relative to the current one's.
    """
    found = _schema(candidate, current)
    # What has another shape cannot be asked the same.
    return found or [*finite(candidate), *_golden(candidate, folder), *_quality(candidate, current, allowed)]


def finite(bundle: Bundle) -> list[str]:
    """Ask a model about some users and items, and say where it answers with no number."""
    backend = bundle.backend
    if not backend.shape.pairings:
        return []
    found: set[str] = set()
    try:
        places = backend.places()
        if places is not None and not bool(places.isfinite().all()):
            found.add("finite: an item lies at no finite place.")
        for asker, items in golden_requests(backend):
            query = backend.query(asker)
            if query is not None and not bool(query.isfinite().all()):
                found.add("finite: a user lies at no finite place.")
            for task, values in backend.rank(asker, torch.tensor(items)).items():
                if not bool(values.isfinite().all()):
                    found.add(f"finite: `{task}` is not a finite number for some user and item.")
    except (PlaitError, RuntimeError, ValueError, IndexError) as error:
        found.add(f"finite: a request could not be answered ({type(error).__name__}).")
    return sorted(found)


def _schema(candidate: Bundle, current: Bundle) -> list[str]:
    """Compare what can be asked: tables, keys and outputs that are there now must stay."""
    new, old = candidate.backend.shape, current.backend.shape
    found = []
    for what, a, b in (("users", new.users, old.users), ("items", new.items, old.items)):
        if a != b:
            found.append(f"schema: the table of the {what} should stay `{b}`. Found `{a}`.")
    if len(new.pairings) < min(1, len(old.pairings)):
        found.append("schema: users and items should meet, as they do now. Found no table in which they do.")
    elif old.pairings and (new.pairings[0].retrieval is None) != (old.pairings[0].retrieval is None):
        found.append("schema: there should be a retrieval task where there is one now, and none where there is none.")
    for task, columns in current.backend.columns.items():
        others = candidate.backend.columns.get(task)
        if others is None:
            found.append(f"schema: the task `{task}` should stay. Found no such task.")
        elif others != columns:
            found.append(f"schema: `{task}` should keep its {len(columns)} outputs. Found {len(others)}, or others.")
    return found


def _golden(candidate: Bundle, folder: Path) -> list[str]:
    gap = golden_gap(folder, candidate.backend)
    if gap is None or gap[0] <= gap[1]:
        return []
    return [f"parity: answers to the golden requests should differ by at most {gap[1]:g}. Found {gap[0]:g}."]


def _quality(candidate: Bundle, current: Bundle, allowed: float) -> list[str]:
    """Compare the deciding figure of each task, as the two reports have it."""
    found = []
    for name, old in current.run.report.tasks.items():
        new = candidate.run.report.tasks.get(name)
        before = old.joint.get(old.metric)
        after = None if new is None else new.joint.get(old.metric)
        if before is None or before.value is None or new is None or new.metric != old.metric:
            continue
        if after is None or after.value is None:
            found.append(f"quality: {old.metric} of `{name}` should be known, as it is now. Found none.")
            continue
        loss = (before.value - after.value) * (1 if larger_is_better(old.metric) else -1)
        if loss > allowed * abs(before.value):
            found.append(
                f"quality: {old.metric} of `{name}` should be at most {allowed:.1%} worse than {before.value:.4g}. "
                f"Found {after.value:.4g}."
            )
    return found
