"""Print a run's report again, measure it on other rows, set runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from plait.data.apply import apply
from plait.errors import DataError
from plait.measure import evaluate as measure
from plait.report.content import Figure
from plait.report.words import compare_lines, compare_rows, comparison_lines, figure_words, metric_name
from plait.run.content import metric_of
from plait.run.files import read_rows
from plait.run.predict import table_of
from plait.run.run import Run, load

__all__ = ["compare", "evaluate"]


def evaluate(folder: Path, table: Path | None, of: str | None) -> tuple[list[str], object]:
    """Return a run's comparison, or its figures on the rows of a file.

    Returns:
        Lines for people, and the same as data.

    Raises:
        DataError: the rows hold no label of any task.
    """
    run = load(folder)
    if table is None:
        return comparison_lines(run.report), run.report.model_dump(mode="json")
    return _on_other_rows(run, table, of)


def compare(folders: Sequence[Path]) -> tuple[list[str], object]:
    """Return runs side by side: lines for people, and rows as data."""
    reports = {str(folder): load(folder).report for folder in folders}
    return compare_lines(reports), compare_rows(reports)


def _on_other_rows(run: Run, path: Path, of: str | None) -> tuple[list[str], object]:
    rows = read_rows(path)
    name = table_of(run, rows, of)
    columns = apply(run.prepared, name, rows, run.texts, run.media, path.resolve().parent)
    labelled = {
        task: torch.nonzero(~torch.isnan(columns.labels[task][:, 0]))[:, 0]
        for task, layout in run.layout.tasks.items()
        if layout.table == name and task in columns.labels
    }
    labelled = {task: numbers for task, numbers in labelled.items() if len(numbers)}
    if not labelled:
        tasks = {task: run.recipe.tasks[task].label for task, layout in run.layout.tasks.items() if layout.table == name}
        raise DataError(f"`{path}` should hold the labels of at least one task, to measure by: {tasks}. Found none.")
    union = torch.unique(torch.cat([*labelled.values()]))
    outcomes = run.scorer.of_rows(name, union, labelled, columns)
    figures = {
        task: {metric: Figure.of(i) for metric, i in measure(run.recipe.tasks[task].kind, outcome, run.recipe.seed).items()}
        for task, outcome in outcomes.items()
    }
    lines = [f"{rows.num_rows:,} rows of `{name}` from {path}"]
    for task, found in figures.items():
        decisive = metric_of(run.recipe, task)
        for metric, figure in found.items():
            mark = " (decides)" if metric == decisive else ""
            said = figure_words(figure) + (f" ({figure.reason})" if figure.value is None and figure.reason else "")
            lines.append(f"{task:20} {metric_name(metric):24} {said}{mark}")
    data = {task: {metric: figure.model_dump() for metric, figure in found.items()} for task, found in figures.items()}
    return lines, {"rows": rows.num_rows, "table": name, "tasks": data}
