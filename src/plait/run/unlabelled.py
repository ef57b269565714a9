"""What became of the rows without a label: how many there were, and how right the model is when it is sure."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from plait.data.columns import PARTS, Prepared
from plait.layout import TaskLayout
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.report.content import UnlabelledReport
from plait.run.outcomes import Scorer
from plait.tasks.unlabelled.base import distributions
from plait.tasks.unlabelled.chosen import LearningTask
from plait.tasks.unlabelled.pseudo import Pseudo

__all__ = ["unlabelled_reports", "unlabelled_words"]


def unlabelled_reports(recipe: Recipe, model: MultiTaskModel, prepared: Prepared) -> dict[str, UnlabelledReport]:
    """Count, for every task that learns from rows without a label.

    Labels of the validation part are hidden from learning, so its rows are asked as if they had none: of the answers that
    would have become labels, the share that is right says how right the labels are that the model gives itself.

    Args:
        recipe: the recipe.
        model: on the CPU.
        prepared: its tables.
    """
    scorer = Scorer(model, prepared, torch.device("cpu"))
    found = {}
    for name, task in recipe.tasks.items():
        if isinstance(task, LearningTask) and task.unlabelled is not None:
            sure = task.unlabelled.threshold if isinstance(task.unlabelled, Pseudo.Settings) else None
            found[name] = _report(scorer, prepared, prepared.layout.tasks[name], sure)
    return found


def _report(scorer: Scorer, prepared: Prepared, task: TaskLayout, threshold: float | None) -> UnlabelledReport:
    columns = prepared.tables[task.table]
    free = ((columns.part == PARTS["train"]) & columns.labels[task.name][:, 0].isnan()).nonzero().flatten()
    if threshold is None:
        return UnlabelledReport(rows=len(free))
    held = prepared.rows(task.name, "valid")
    several = task.kind == "multilabel"
    asked, hidden = (
        distributions(scorer.outputs(task.table, rows, [task.name])[task.name], several) for rows in (free, held)
    )
    top, answer = hidden.max(dim=1)
    right = (answer == _answers(task, columns.labels[task.name].index_select(0, held)))[top >= threshold]
    return UnlabelledReport(
        rows=len(free),
        threshold=threshold,
        sure=_share(asked.max(dim=1).values >= threshold),
        checked=len(right),
        right=_share(right),
    )


def unlabelled_words(found: UnlabelledReport) -> str:
    """Say it in a sentence."""
    said = f"{found.rows:,} in the training part"
    if found.threshold is None:
        return said
    said += (
        f"; of {0.0 if found.sure is None else found.sure:.0%} of the answers the model is as sure as {found.threshold:g}"
    )
    if found.right is None:
        return f"{said}; of no answer on the validation part, so how right they are is not known"
    return f"{said}; of {found.checked:,} answers it is as sure of on the validation part, {found.right:.0%} are right"


def _answers(task: TaskLayout, label: Tensor) -> Tensor:
    """Lay labels out as the right answer to each question."""
    if task.kind != "multilabel":
        return label[:, 0].long()
    yes = np.zeros((len(label), len(task.classes)), dtype=np.int64)
    rows, slots = np.nonzero(label.numpy() >= 0)
    yes[rows, label.numpy()[rows, slots].astype(np.int64)] = 1
    return torch.from_numpy(yes.reshape(-1))


def _share(values: Tensor) -> float | None:
    return float(values.float().mean()) if len(values) else None
