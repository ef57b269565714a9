"""What went into a run: its tables with their columns, and the labels of its tasks."""

from __future__ import annotations

from plait.data.columns import Columns
from plait.layout import FeatureLayout
from plait.run.run import Run
from plait.serve.told import ColumnTold, DataTold, TableTold, TaskTold

__all__ = ["inventory"]


def inventory(run: Run, browsable: list[str]) -> DataTold:
    """Say what went into a run.

    Args:
        run: a finished run.
        browsable: tables whose rows can be looked through.
    """
    summary = run.figures.data
    tables = [_table(run, name, browsable) for name in run.layout.tables]
    tasks = []
    for name, task in run.layout.tasks.items():
        labels = summary.labels.get(name)
        tasks.append(
            TaskTold(
                name=name,
                kind=task.kind,
                table=task.table,
                examples=summary.splits.get(name, {}),
                mean=None if labels is None else labels.mean,
                std=None if labels is None else labels.std,
                classes=[] if labels is None else labels.classes,
            )
        )
    return DataTold(recipe=run.recipe.name, split=run.report.how.get("Split", ""), tables=tables, tasks=tasks)


def _table(run: Run, name: str, browsable: list[str]) -> TableTold:
    layout, plan, columns = run.layout.tables[name], run.prepared.plan, run.prepared.tables[name]
    unseen = run.figures.data.unseen
    told = [_column(columns, feature).model_copy(update={"unseen": unseen.get(feature.name)}) for feature in layout.features]
    histories = [role for role in run.prepared.histories if role.startswith(f"{name}.")]
    told += [ColumnTold(name=role.partition(".")[2], kind="history") for role in histories]
    return TableTold(
        name=name,
        rows=layout.rows,
        id=plan.id_column(name) if name in plan.ids else None,
        keys=dict(layout.targets),
        columns=told,
        tasks=[task for task, one in run.layout.tasks.items() if one.table == name],
        browse=name in browsable,
    )


def _column(columns: Columns, feature: FeatureLayout) -> ColumnTold:
    """Say what a feature holds: code 0 is a missing value, and of a number the second position is its mark."""
    name, rows, layout = feature.name.partition(".")[2], columns.matrix[1:], columns.layout
    missing: float | None = None
    if len(rows) and feature.kind in ("id", "category"):
        missing = float((rows[:, feature.slots] == 0).all(dim=1).float().mean())
    elif len(rows) and feature.kind == "number":
        # Without a mark none was missing in training.
        marks = [layout.codes + len(layout.keys) + place for place in feature.numbers[1:2]]
        missing = float((rows[:, marks] != 0).float().mean()) if marks else 0.0
    # The first code of a feature stands for what training did not see.
    values = feature.size - 1 if feature.kind in ("id", "category") and feature.size else None
    return ColumnTold(name=name, kind=feature.kind, values=values, width=feature.dim or None, missing=missing)
