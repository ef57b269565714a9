"""A bundle beside its run, on real rows: how far their scores lie apart."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from plait.export.backend import Asker, Backend
from plait.export.onnx_backend import OnnxBackend
from plait.export.tables import graph_name, some_rows
from plait.run.run import Run

__all__ = ["CLOSE", "askers", "difference", "rows_difference"]

CLOSE: Final = 1e-4
"""How far scores of an exact bundle may lie apart: absolutely, for scores above 1 in proportion to them."""
_USERS: Final = 24
_ITEMS: Final = 64


def askers(backend: Backend, count: int = _USERS) -> list[Asker]:
    """Return users at even distances, somebody unknown first, one with a history of his own and one without any."""
    rows = sorted({round(backend.users * step / (count - 1)) for step in range(count)})
    own = tuple(torch.linspace(1, max(backend.items, 1), 9).round().long().tolist()) if backend.items else ()
    return [*(Asker(row) for row in rows), Asker(0, own), Asker(rows[-1], ())]


def difference(backend: Backend, run: Backend) -> tuple[float, str]:
    """Return the largest difference between two backends, and where it is.

    Args:
        backend: the bundle's.
        run: the run's.
    """
    largest, where = 0.0, ""
    if not run.shape.pairings:
        return largest, where
    items = torch.tensor(sorted({round(run.items * step / (_ITEMS - 1)) for step in range(_ITEMS)}))
    for asker in askers(run):
        said, meant = backend.rank(asker, items), run.rank(asker, items)
        pairs = {f"task `{name}` for user {asker.row}": (said[name], meant[name]) for name in meant}
        placed, place = backend.query(asker), run.query(asker)
        if placed is not None and place is not None:
            pairs[f"the place of user {asker.row}"] = (placed, place)
        for name, (one, other) in pairs.items():
            apart = _apart(one, other)
            if not apart <= largest:
                largest, where = apart, name
    places, meant_places = backend.places(), run.places()
    if places is not None and meant_places is not None and not (apart := _apart(places, meant_places)) <= largest:
        largest, where = apart, "the places of items"
    return largest, where


def rows_difference(backend: OnnxBackend, run: Run) -> tuple[float, str]:
    """Return the largest difference between a bundle's graphs of rows and the run, and where it is."""
    largest, where = 0.0, ""
    for table in dict.fromkeys(task.table for task in run.layout.tasks.values()):
        graph = backend.serving.graphs.get(graph_name(table))
        if graph is None:
            continue
        columns, rows = some_rows(run, table)
        said = backend.rows(table, columns, rows)
        meant = run.scorer.outputs(table, rows, list(said), columns)
        for name, scores in said.items():
            if not (apart := _apart(scores, meant[name])) <= largest:
                largest, where = apart, f"task `{name}`"
    return largest, where


def _apart(one: Tensor, other: Tensor) -> float:
    """Return the largest difference; NaN where one is no number."""
    return float(((one - other).abs() / other.abs().clamp(min=1)).max()) if one.numel() else 0.0
