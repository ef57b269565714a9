"""Tables whose rows are scored as they are, where users and items do not meet: packed columns in, every task out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from plait.data.columns import Columns
from plait.data.files import file_name
from plait.errors import RunError
from plait.export.onnx_graph import traced, write_onnx
from plait.export.reading import Input, Reading
from plait.export.rows import Encoding
from plait.export.scoring import Scoring
from plait.export.serving import Graph, Output
from plait.tasks.base import Head

if TYPE_CHECKING:
    from torch import Tensor

    from plait.run.run import Run

__all__ = ["graph_name", "own_inputs", "some_rows", "table_graphs"]

_ROWS: Final = 256


def graph_name(table: str) -> str:
    """Name the graph of a table."""
    return f"rows-{table}"


def table_graphs(
    run: Run, folder: Path, largest: int
) -> tuple[dict[str, Graph], dict[str, dict[str, Tensor]], dict[str, str]]:
    """Write a graph for each table that has tasks about its rows.

    Returns:
        The graphs, the tensors that they look up by table, and the tables that are left out with the reason.

    Raises:
        RunError: none can be a graph.
    """
    graphs: dict[str, Graph] = {}
    tensors: dict[str, dict[str, Tensor]] = {}
    left_out: dict[str, str] = {}
    for table in dict.fromkeys(task.table for task in run.layout.tasks.values()):
        heads = {n: run.model.head(n) for n, task in run.layout.tasks.items() if task.table == table}
        columns = {name: head.columns for name, head in heads.items() if isinstance(head, Head)}
        reason = _reason(run, table) if columns else "its tasks are no predictions about rows"
        if reason:
            left_out[table] = reason
            continue
        reading = Reading(run.layout, table, dict.fromkeys(run.layout.tables[table].targets, False), own=True)
        scoring = Scoring(run.model, run.prepared, reading, list(columns))
        path = folder / f"rows-{file_name(table)}.onnx"
        data = write_onnx(traced(scoring, scoring.inputs), scoring.inputs, scoring.tasks, path, largest)
        outputs = [Output(task=n, kind=run.layout.tasks[n].kind, columns=names) for n, names in columns.items()]
        graphs[graph_name(table)] = Graph(file=path.name, data=data, inputs=scoring.inputs, outputs=outputs)
        encoding = Encoding(run.model, run.prepared, reading, list(columns))
        for target in encoding.tables():
            tensors.setdefault(target, {}).update(encoding.of_table(target))
    if not graphs:
        reasons = "; ".join(f"`{table}`: {reason}" for table, reason in left_out.items())
        raise RunError(
            f"`{run.folder}` should have tasks that a graph can compute. Found none: {reasons}. `plait serve RUN` serves "
            "the run as it is."
        )
    return graphs, tensors, left_out


def own_inputs(inputs: list[Input], columns: Columns, rows: Tensor) -> dict[str, Any]:
    """Return what a graph is fed of packed rows, and which of them rules forbid an outcome."""
    layout = columns.layout
    packed = columns.matrix.index_select(0, rows)
    known: dict[str, Any] = {
        "codes": packed[:, : layout.codes].long().numpy(),
        "numbers": packed[:, layout.codes + len(layout.keys) :].contiguous().view(torch.float32).numpy(),
    }
    known |= {f"vector:{name}": vector.index_select(0, rows).float().numpy() for name, vector in columns.vectors.items()}
    found = {known_.name: known[known_.tensor] for known_ in inputs if known_.by == "own"}
    for rule in (known_ for known_ in inputs if known_.by == "rule"):
        there = rule.tensor in columns.rules
        found[rule.name] = (
            columns.rules[rule.tensor].at(rows).outcome().numpy() if there else np.zeros(len(rows), dtype=np.bool_)
        )
    return found


def some_rows(run: Run, table: str) -> tuple[Columns, Tensor]:
    """Return rows of a table at even distances, as if they came from outside."""
    columns = run.prepared.tables[table]
    count = columns.matrix.shape[0] - 1
    rows = torch.tensor(sorted({1 + round((count - 1) * step / (_ROWS - 1)) for step in range(_ROWS)}))
    return replace(columns, times=None), rows


def _reason(run: Run, table: str) -> str:
    """Say why a table's rows cannot be read by a graph; nothing where they can."""
    features = run.layout.tables[table].features
    for what, found in (
        ("what is known of its rows in a graph table", [f for f in features if f.target is not None]),
        ("texts that an encoder inside the model reads", [f for f in features if f.tokens]),
        ("sounds that a network of the model reads", [f for f in features if f.shape]),
    ):
        if found:
            return f"it holds {what} (`{found[0].name}`)"
    return ""
