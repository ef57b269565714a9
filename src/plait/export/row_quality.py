"""The same where users and items do not meet: test rows of each table, scored as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from plait.data.columns import Columns
from plait.export.onnx_backend import OnnxBackend
from plait.export.quality import compared_by, labelled, some
from plait.export.serving import Compared
from plait.export.tables import graph_name
from plait.measure import Outcome
from plait.run.run import Run
from plait.tasks.base import Head

__all__ = ["compared_rows", "fed_rows"]

_ASKED: Final = 200
_REQUESTS: Final = 20


def compared_rows(run: Run, backends: Mapping[str, OnnxBackend], sizes: Mapping[str, int]) -> list[Compared]:
    """Set bundles of rows side by side; see `plait.export.quality.compared`.

    Args:
        run: the run.
        backends: name -> backend; the first is what the others are compared with.
        sizes: name -> bytes of its graphs and stored tensors.
    """
    first = next(iter(backends.values()))
    asked = [
        (table, _packed(run, table), rows)
        for table, _ in _tables(run, first)
        for rows in [_repeated(run, table)] * _REQUESTS
    ]
    requests = {name: [partial(backend.rows, *one) for one in asked] for name, backend in backends.items()}
    measured = {name: _outcomes(run, backend) for name, backend in backends.items()}
    return compared_by(run, measured, sizes, requests, _ASKED)


def fed_rows(run: Run, backend: OnnxBackend) -> dict[str, list[dict[str, Any]]]:
    """Return for each graph what training rows feed it, one feed for each of its tasks."""
    return {
        graph_name(table): [
            backend.fed_rows(table, _packed(run, table), some(run.prepared.rows(task, "train"))) for task in tasks
        ]
        for table, tasks in _tables(run, backend)
    }


def _outcomes(run: Run, backend: OnnxBackend) -> dict[str, Outcome]:
    """Score test rows, with what their tables know by now."""
    found = {}
    for table, tasks in _tables(run, backend):
        columns = _packed(run, table)
        for task in tasks:
            rows, head = some(run.prepared.rows(task, "test")), run.model.head(task)
            if len(rows):
                said = backend.rows(table, columns, rows)[task].numpy()
                levels = head.levels if isinstance(head, Head) else ()
                found[task] = Outcome(said, *labelled(run, columns, task, rows), levels=levels)
    return found


def _tables(run: Run, backend: OnnxBackend) -> Iterator[tuple[str, list[str]]]:
    """Return the tables that have a graph, with its tasks."""
    for table in run.layout.tables:
        graph = backend.serving.graphs.get(graph_name(table))
        if graph is not None:
            yield table, [output.task for output in graph.outputs]


def _packed(run: Run, table: str) -> Columns:
    """Return the rows of a table as if they came from outside."""
    return replace(run.prepared.tables[table], times=None)


def _repeated(run: Run, table: str) -> Tensor:
    """Return as many rows as a request asks for, of a small table some of them several times."""
    return torch.arange(_ASKED) % (run.prepared.tables[table].matrix.shape[0] - 1) + 1
