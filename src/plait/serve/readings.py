"""The numbers of a head → what a person reads."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from plait.layout import TaskLayout
from plait.serve.wire import Chance, Prediction

__all__ = ["reading", "truth"]

_FEW: Final = 5


def reading(task: TaskLayout, columns: list[str], output: Tensor, label: Tensor | None = None) -> Prediction:
    """Turn one row of a head's predictions into words and numbers.

    Args:
        task: whose prediction.
        columns: names of the numbers, as the head gives them.
        output: the numbers, `[P]`.
        label: the observed label, `[slots]`, if it is to be shown beside.
    """
    seen = None if label is None else truth(task, label)
    values = output.float()
    if len(columns) == 1 or task.kind == "regression":
        return Prediction(task=task.name, kind=task.kind, value=_finite(values[0]), truth=seen)
    order = values.argsort(descending=True, stable=True)[:_FEW].tolist()
    chances = [Chance(name=columns[i], probability=_finite(values[i]) or 0.0) for i in order]
    if task.kind == "multilabel":
        return Prediction(task=task.name, kind=task.kind, chances=chances, truth=seen)
    return Prediction(
        task=task.name,
        kind=task.kind,
        value=_expected(task, columns, values),
        best=chances[0].name,
        chances=chances,
        truth=seen,
    )


def truth(task: TaskLayout, label: Tensor) -> str | None:
    """Say an observed label as the table had it; None where it was not observed."""
    if not len(label) or bool(label[0].isnan()):
        return None
    numbers = [int(value) for value in label.tolist() if not math.isnan(value)]
    if task.classes:
        names = [task.classes[number] for number in numbers if 0 <= number < len(task.classes)]
        return ", ".join(names) if task.kind == "multilabel" else (names[0] if names else None)
    if task.kind == "binary":
        return "yes" if numbers[0] == 1 else "no"
    return f"{float(label[0]):g}"


def _expected(task: TaskLayout, columns: list[str], chances: Tensor) -> float | None:
    """Return the mean class of an ordinal task whose classes are numbers."""
    if task.kind != "ordinal":
        return None
    try:
        values = torch.tensor([float(name) for name in columns])
    except ValueError:
        return None
    return _finite((chances * values).sum() / chances.sum().clamp(min=1e-12))


def _finite(value: Tensor) -> float | None:
    """Return a number that JSON can hold."""
    number = float(value)
    return number if math.isfinite(number) else None
