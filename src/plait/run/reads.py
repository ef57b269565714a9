"""Which tasks read a text and nothing else, so that a text is all that has to be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import pyarrow as pa

from plait.data.apply import apply
from plait.data.columns import Columns
from plait.errors import RunError
from plait.layout import TaskLayout
from plait.run.run import Run

__all__ = ["Reading", "packed", "reading_of"]


@final
@dataclass(frozen=True, slots=True)
class Reading:
    """Where a task reads its text.

    Attributes:
        table: the table whose rows it is about.
        column: the column of the text; of several, the last, since titles come before what they are titles of.
    """

    table: str
    column: str


def reading_of(run: Run, task: TaskLayout) -> Reading | None:
    """Say where a task reads its text; None where it reads anything else as well."""
    layout = run.layout
    if task.text is not None:
        return Reading(task.table, task.text.partition(".")[2])
    group = next(group for group in layout.groups if task.name in group.tasks)
    paths, texts = layout.paths.get(task.table, {}), []
    for role in layout.roles:
        if role.name not in group.roles or role.name == task.target_role:
            continue
        features = [f for f in layout.tables[role.table].features if f"{role.name}/{f.name}" not in group.hidden]
        if not features:
            continue
        if role.history is not None or paths.get(role.name) or any(feature.kind != "text" for feature in features):
            return None
        texts += [feature.name.partition(".")[2] for feature in features]
    return Reading(task.table, texts[-1]) if texts else None


def packed(run: Run, reading: Reading, texts: list[str]) -> tuple[pa.Table, Columns]:
    """Lay texts out as rows of a table of which nothing else is known.

    Raises:
        RunError: the run keeps nothing that reads texts.
    """
    if run.texts is None:
        raise RunError(
            "Texts should be read by the encoder of the run. Found none; its recipe has no feature of kind `text`."
        )
    layout = run.layout.tables[reading.table]
    others = [feature.name.partition(".")[2] for feature in layout.features if feature.target is None]
    columns: dict[str, pa.Array] = {reading.column: pa.array(texts, pa.string())}
    for name in dict.fromkeys([*others, *run.recipe.tables[reading.table].keys]):
        if name not in columns:
            columns[name] = pa.nulls(len(texts))
    rows = pa.table(columns)
    return rows, apply(run.prepared, reading.table, rows, run.texts)
