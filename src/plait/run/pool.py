"""The rows that could be labelled for a task: those of a file, or those of the run's own tables, that have no label yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import pyarrow as pa
import torch
from torch import Tensor

from plait.data.apply import apply
from plait.data.columns import PARTS, Columns
from plait.data.engine import Engine
from plait.data.labels import holds
from plait.errors import DataError, RecipeError
from plait.run.files import read_rows

if TYPE_CHECKING:
    from plait.run.run import Run

__all__ = ["Pool", "pool_of"]


@final
@dataclass(frozen=True, slots=True)
class Pool:
    """Rows without a label.

    Attributes:
        table: whose rows.
        rows: their row numbers, ascending, from 1.
        columns: where they are those of a file; none where they are those of the prepared table.
        names: how a person finds them again, one row each: the number of the row, and the table's id and keys where known.
        where: the file, or the table, in words.
    """

    table: str
    rows: Tensor
    columns: Columns | None
    names: pa.Table
    where: str


def pool_of(run: Run, task: str, file: Path | None) -> Pool:
    """Find the rows that could be labelled.

    Args:
        run: the run.
        task: a task of it.
        file: Parquet, CSV or JSON lines with rows of the task's table; the run's own table where not said. There, rows of
            the validation and test parts are left alone, since their labels would teach nothing.

    Raises:
        DataError: every row has a label.
        RecipeError: the run's own table does not say which rows are examples of the task.
    """
    return _of_table(run, task) if file is None else _of_file(run, task, file)


def _of_table(run: Run, task: str) -> Pool:
    chosen = run.recipe.tasks[task]
    if chosen.where is not None:
        raise RecipeError(
            f"Task `{task}` counts rows where `{chosen.where}`, which a run does not keep for rows without a label. Name "
            f"them: --table FILE with rows of `{chosen.table}`."
        )
    own = run.prepared.tables[chosen.table]
    free = (own.part != PARTS["valid"]) & (own.part != PARTS["test"]) & own.labels[task][:, 0].isnan()
    free[0] = False
    rows = free.nonzero()[:, 0]
    where = f"the training part of table `{chosen.table}`"
    _some(task, rows, where, "Bring others with --table FILE")
    names = {"row": pa.array(rows.numpy())}
    if run.recipe.tables[chosen.table].id is not None:
        column = run.prepared.plan.id_column(chosen.table)
        names[column] = run.prepared.raw(chosen.table, rows)[column]
    return Pool(chosen.table, rows, None, pa.table(names), where)


def _of_file(run: Run, task: str, file: Path) -> Pool:
    chosen = run.recipe.tasks[task]
    read = read_rows(file)
    columns = apply(run.prepared, chosen.table, _typed(run, chosen.table, read), run.texts, run.media, file.resolve().parent)
    free = torch.ones(read.num_rows, dtype=torch.bool)
    if task in columns.labels:
        free = columns.labels[task][1:, 0].isnan()
    if chosen.where is not None:
        free &= _meets(read, chosen.table, f"`where` of task `{task}`", chosen.where)
    rows = free.nonzero()[:, 0] + 1
    _some(task, rows, f"`{file}`", "Bring others")
    kept = [run.recipe.tables[chosen.table].id, *run.recipe.tables[chosen.table].keys]
    found = read.take(pa.array(rows.numpy() - 1))
    names = {"row": pa.array(rows.numpy())}
    names |= {column: found[column] for column in kept if column is not None and column in found.column_names}
    return Pool(chosen.table, rows, columns, pa.table(names), str(file))


def _typed(run: Run, table: str, rows: pa.Table) -> pa.Table:
    """Leave out label columns in which there is nothing: a file does not keep their type, and they say no label anyway."""
    plan = run.prepared.plan
    asked = {column for task in run.recipe.tasks if run.recipe.tasks[task].table == table for column in plan.reads[task]}
    needed = {feature.name.partition(".")[2] for feature in run.layout.tables[table].features}
    needed |= {*run.recipe.tables[table].keys}
    empty = [c for c in rows.column_names if c in asked - needed and rows[c].null_count == rows.num_rows]
    return rows.drop_columns(empty)


def _meets(rows: pa.Table, table: str, who: str, where: str) -> Tensor:
    with Engine(Path()) as engine:
        engine.add(table, rows)
        return torch.from_numpy(holds(who, table, where, engine.evaluate(table, {who: where}).column(who)).copy())


def _some(task: str, rows: Tensor, where: str, do: str) -> None:
    if not len(rows):
        raise DataError(
            f"There should be rows without a label of task `{task}`, for only those can be suggested. Found none in "
            f"{where}. {do}."
        )
