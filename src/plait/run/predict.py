"""New rows → scores for every task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import torch
from torch import Tensor

from plait.data.apply import apply
from plait.data.columns import Columns
from plait.errors import DataError, RecipeError, nearest
from plait.run.files import read_rows, write_rows
from plait.run.phrases import cut_out, phrase_columns
from plait.tasks.base import Head, TwoTower
from plait.tasks.tokens import TokenHead

if TYPE_CHECKING:
    from plait.run.run import Run

__all__ = ["predict", "predict_file", "table_of"]

_BEST: Final = 10


def predict_file(folder: Path, table: Path, out: Path, of: str | None) -> tuple[list[str], object]:
    """Score the rows of a file.

    Args:
        folder: the run.
        table: Parquet, CSV or JSON lines.
        out: `.parquet` or `.csv`.
        of: which table of the recipe the rows belong to.

    Returns:
        Lines for people, and the same as data.
    """
    from plait.run.run import load

    if out.suffix not in (".parquet", ".csv"):
        raise RecipeError(f"`--out` should end in .parquet or .csv. Found `{out.name}`.")
    run = load(folder)
    scores = predict(run, read_rows(table), of, table.resolve().parent)
    write_rows(scores, out)
    lines = [f"{scores.num_rows:,} rows scored: {out}", f"columns: {', '.join(scores.column_names)}"]
    return lines, {"rows": scores.num_rows, "out": str(out), "columns": scores.column_names}


def table_of(run: Run, rows: pa.Table, of: str | None) -> str:
    """Find which example table some rows belong to: the one most of whose columns they hold.

    Raises:
        RecipeError: no such table, or rows that fit none.
    """
    tables = list(dict.fromkeys(task.table for task in run.recipe.tasks.values()))
    if of is not None:
        if of not in tables:
            raise RecipeError(f"`--of` should be a table with tasks: {tables}. Found `{of}`.{nearest(of, tables)}")
        return of
    columns = {*rows.column_names}
    needed = {name: _columns_of(run, name) for name in tables}
    share = {name: len(columns & wanted) / max(1, len(wanted)) for name, wanted in needed.items()}
    best = max(tables, key=lambda name: share[name])
    if share[best] == 0:
        raise DataError(
            f"The rows should hold the columns of one of the tables {tables}. Found {sorted(columns)[:8]}. "
            f"Say which table they are with --of."
        )
    return best


def _columns_of(run: Run, table: str) -> set[str]:
    prefix = f"{table}."
    kept = {f.name.removeprefix(prefix) for f in run.layout.tables[table].features}
    return kept | {*run.recipe.tables[table].keys}


def predict(run: Run, rows: pa.Table, of: str | None, files: Path | None = None) -> pa.Table:
    """Score rows; see `Run.predict`."""
    name = table_of(run, rows, of)
    columns = apply(run.prepared, name, rows, run.texts, run.media, files)
    tasks = [task for task, layout in run.layout.tasks.items() if layout.table == name]
    numbers = torch.arange(1, rows.num_rows + 1)
    outputs = run.scorer.outputs(name, numbers, tasks, columns)
    kept = [c for c in (run.recipe.tables[name].id, *run.recipe.tables[name].keys) if c in rows.column_names]
    found: dict[str, pa.Array | pa.ChunkedArray] = {column: rows[column] for column in dict.fromkeys(kept) if column}
    for task in tasks:
        if isinstance(run.model.head(task), TokenHead):
            found |= _of_tokens(run, task, outputs[task], columns, rows)
        else:
            found |= _named(run, task, outputs[task], columns)
    return pa.table(found)


def _named(run: Run, task: str, output: Tensor, columns: Columns) -> dict[str, pa.Array]:
    """Turn outputs into columns: `task`, beside it one per class or quantile; for two towers the best ids."""
    head = run.model.head(task)
    if isinstance(head, TwoTower):
        return {task: _best(run, task, output, columns)}
    assert isinstance(head, Head)
    if len(head.columns) == 1 or run.layout.tasks[task].kind == "regression":
        further = {f"{task}.{name}": pa.array(output[:, i].numpy()) for i, name in enumerate(head.columns) if i}
        return {task: pa.array(output[:, 0].numpy()), **further}
    chances = {f"{task}.{name}": pa.array(output[:, i].numpy()) for i, name in enumerate(head.columns)}
    if run.layout.tasks[task].kind != "multilabel":
        best = output.argmax(1).tolist() if len(output) else []
        return {task: pa.array([head.columns[i] for i in best], pa.string()), **chances}
    return chances


def _of_tokens(run: Run, task: str, output: Tensor, columns: Columns, rows: pa.Table) -> dict[str, pa.Array]:
    """Turn outputs at tokens into columns: the phrases found; or how surprising each text is, as its perplexity."""
    layout = run.layout.tasks[task]
    assert layout.text is not None
    if layout.kind == "tagging":
        cut = cut_out(output, columns.words[layout.text], torch.arange(1, rows.num_rows + 1))
        return phrase_columns(task, cut, rows[layout.text.removeprefix(f"{layout.table}.")])
    surprise, _, count = output.double().T
    return {task: pa.array((surprise / count.clamp(min=1)).exp().numpy(), mask=(count == 0).numpy())}


def _best(run: Run, task: str, queries: Tensor, columns: Columns) -> pa.Array:
    """Return the outside ids of the best candidates that no rule forbids to each query, best first; NULL for none."""
    head, target = run.model.head(task), run.layout.tasks[task].target
    assert isinstance(head, TwoTower) and target is not None
    places = run.scorer.candidates(task)
    best = [torch.empty(0, min(_BEST, len(places) - 1), dtype=torch.int64)]
    numbers = torch.arange(1, len(queries) + 1)
    for query, rows in zip(torch.split(queries, 1024), torch.split(numbers, 1024), strict=True) if len(queries) else ():
        with torch.no_grad():
            scores = head.scores(query, places)
        scores[:, 0] = -torch.inf
        if (out := run.scorer.forbidden(task, columns, rows)) is not None:
            scores.masked_fill_(out, -torch.inf)
        top = scores.topk(min(_BEST, scores.shape[1] - 1), dim=1)
        best.append(top.indices.masked_fill(top.values == -torch.inf, 0))
    found = torch.cat(best)
    ids = run.prepared.raw(target, found.flatten())[run.prepared.plan.id_column(target)].combine_chunks()
    return pa.FixedSizeListArray.from_arrays(ids, found.shape[1])
