"""Labels: checked against their task's kind, turned into float32 slots, NaN where not observed."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.values import flat, numbers, texts
from plait.errors import DataError, RecipeError
from plait.layout import TaskLayout
from plait.schema import Task

__all__ = ["encode_label", "fit_label", "holds", "label_numbers", "label_values", "wrong_labels"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
_CLASSES: Final = ("multiclass", "ordinal", "multilabel")
_OF_TOKENS: Final = ("tagging", "masked")


def holds(who: str, table: str, where: str, column: pa.ChunkedArray) -> Bools:
    """Tell in which rows a condition holds; where it gives NULL it does not.

    Args:
        who: whose condition it is, such as `where` of a task.
        table: the table.
        where: the condition.
        column: what it gave.

    Raises:
        RecipeError: it gave something else than true and false.
    """
    if not pa.types.is_boolean(column.type):
        raise RecipeError(f"{who}: `{where}` on table `{table}` should be a condition, true or false. Found {column.type}.")
    return np.asarray(flat(column.fill_null(False)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def label_values(task: Task, column: pa.Array | pa.ChunkedArray, separator: str | None) -> pa.Array:
    """Bring a label's values into one array; for multilabel a list per row.

    Args:
        task: the task.
        column: what its label expression gave.
        separator: splits a text cell into classes, for multilabel.
    """
    values = flat(column)
    if task.kind != "multilabel" or _is_list(values.type) or separator is None:
        return values
    split = pc.split_pattern(texts(values), separator)
    inner = pc.utf8_trim_whitespace(split.flatten())
    full = pc.not_equal(inner, "").to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(full)])[split.offsets.to_numpy() - split.offsets[0].as_py()]
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner.filter(pa.array(full)), mask=pc.is_null(values))


def fit_label(name: str, task: Task, values: pa.Array, observed: Bools, train: Bools) -> TaskLayout:
    """Learn classes, rates, mean and deviation from the observed labels of the training part.

    Args:
        name: of the task.
        task: its settings.
        values: from `label_values`.
        observed: rows inside the sample space whose label is not NULL.
        train: rows of the training part.

    Raises:
        DataError: if nothing is observed, nothing in the training part, or the values are not of the task's kind.
    """
    _some(name, task, observed, train)
    layout = TaskLayout(name=name, kind=task.kind, table=task.table)
    if task.kind == "retrieval":
        return layout
    used = observed & train
    layout = layout.model_copy(update={"examples": int(used.sum())})
    if task.kind in _OF_TOKENS:
        return layout.model_copy(update={"text": f"{task.table}.{task.text}"})
    if task.kind not in _CLASSES:
        found = label_numbers(name, task, values, observed)
        _two(name, task, found, observed)
        quantity = found[used]
        deviation = float(quantity.std())
        known = {"mean": float(quantity.mean()), "std": deviation if deviation > 1e-12 else 1.0}
        return layout.model_copy(update=known | (_above_zero(quantity) if task.kind == "amount" else {}))
    if task.kind == "multilabel":
        _need_list(name, task, values)
        rows = values.filter(pa.array(used))
        classes = _ordered(rows.flatten())
        widest = pc.max(pc.list_value_length(values.filter(pa.array(observed)))).as_py() or 0
        layout = layout.model_copy(update={"classes": classes, "label_width": max(int(widest), 1)})
    else:
        classes = _ordered(values.filter(pa.array(used)))
        layout = layout.model_copy(update={"classes": classes})
    if len(classes) < (1 if task.kind == "multilabel" else 2):
        raise DataError(
            f"Task `{name}`: label `{task.label}` on table `{task.table}` should have at least two classes in the training "
            f"part. Found {classes} in {int(used.sum())} rows. Choose another label or split."
        )
    encoded, _ = encode_label(layout, task, values, observed)
    inside = encoded[used].reshape(-1)
    counts = np.bincount(inside[inside >= 0].astype(np.int64), minlength=len(classes))
    return layout.model_copy(update={"class_rate": (counts / max(int(used.sum()), 1)).tolist()})


def encode_label(layout: TaskLayout, task: Task, values: pa.Array, observed: Bools) -> tuple[Floats, int]:
    """Write labels into slots.

    Returns:
        float32 [rows, label slots], NaN in slot 0 where not observed; and how many observed rows hold a class that no
        training row has, which count as not observed (for multilabel: how many such classes were left out).
    """
    if layout.kind == "retrieval" or layout.kind in _OF_TOKENS:
        return np.where(observed, np.float32(1), np.float32(np.nan))[:, None], 0
    if layout.kind not in _CLASSES:
        found = label_numbers(layout.name, task, values, observed)
        return np.where(observed, found, np.nan).astype(np.float32)[:, None], 0
    known = pa.array(layout.classes, pa.string())
    if layout.kind != "multilabel":
        place = pc.index_in(texts(values), value_set=known).fill_null(-1).to_numpy(zero_copy_only=False)
        kept = observed & (place >= 0)
        return np.where(kept, place, np.nan).astype(np.float32)[:, None], int((observed & (place < 0)).sum())
    if not observed.any():
        # Where nothing is known, a column does not even say that it would hold lists.
        return np.full((len(values), layout.label_width), np.nan, np.float32), 0
    _need_list(layout.name, task, values)
    sizes = np.where(observed, pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False), 0)
    inner = texts(pc.if_else(pa.array(observed), values, pa.scalar(None, values.type)).flatten())
    place = pc.index_in(inner, value_set=known).fill_null(-1).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(values)), sizes)[place >= 0]
    inside = place[place >= 0]
    starts = np.searchsorted(rows, rows, side="left")
    slots = np.arange(len(rows)) - starts
    width = max(layout.label_width, int(slots.max(initial=0)) + 1)
    result = np.full((len(values), width), -1, dtype=np.float32)
    result[rows, slots] = inside
    result[~observed] = np.nan
    return result, int((place < 0).sum())


def _above_zero(amounts: npt.NDArray[np.float64]) -> dict[str, float]:
    """Describe the amounts that are not 0 by their share and by mean and deviation of their logarithms."""
    logarithms = np.log(amounts[amounts > 0])
    if not len(logarithms):
        return {}
    deviation = float(logarithms.std())
    return {
        "above": len(logarithms) / len(amounts),
        "log_mean": float(logarithms.mean()),
        "log_std": deviation if deviation > 1e-12 else 1.0,
    }


def _some(name: str, task: Task, observed: Bools, train: Bools) -> None:
    what = f"Task `{name}`: label `{task.label}`" + (f" where `{task.where}`" if task.where else "")
    if not len(observed):
        raise DataError(f"{what} needs rows, but table `{task.table}` has 0. Check its source.")
    if not observed.any():
        found = "NULL, or no partner," if task.kind in ("retrieval", "relatedness") else "NULL"
        raise DataError(
            f"{what} should be observed in some row of table `{task.table}`. Found {found} in all {len(observed)} rows"
            f"{' of the sample space' if task.where else ''}. Correct the expression."
        )
    if not (observed & train).any():
        raise DataError(
            f"{what} should be observed in the training part of table `{task.table}`. Found {int(observed.sum())} observed "
            f"rows, none of them in the training part. Choose another `split`, for instance `by: random`."
        )


def _two(name: str, task: Task, found: npt.NDArray[np.float64], observed: Bools) -> None:
    if task.kind != "binary":
        return
    values = np.unique(found[observed])
    if len(values) < 2:
        raise DataError(
            f"Task `{name}`: label `{task.label}` should be 0 in some rows and 1 in others. Found only {int(values[0])} "
            f"in all {int(observed.sum())} observed rows of table `{task.table}`. Correct the expression."
        )


def label_numbers(name: str, task: Task, values: pa.Array, observed: Bools) -> npt.NDArray[np.float64]:
    """Read a label as numbers and check the range of its kind.

    Raises:
        DataError: an observed value is out of range, naming its row.
    """
    found = numbers(values)
    should = {
        "binary": "0 or 1, or false or true",
        "relatedness": "0 or 1, or false or true",
        "ranking": "a grade of 0 or more",
        "amount": "an amount of 0 or more",
    }.get(task.kind, "a finite number")
    if found is None:
        raise DataError(
            f"Task `{name}`: label `{task.label}` of a {task.kind} task should be {should}. Found {values.type} such as "
            f"{_example(values, observed)}. Write an expression such as `{task.label} = 'yes'`."
        )
    wrong = wrong_labels(task, found) & observed
    if wrong.any():
        seen = [f"{v:g}" for v in np.unique(found[wrong])[:5]]
        raise DataError(
            f"Task `{name}`: label `{task.label}` of a {task.kind} task should be {should}; NULL means not observed. Found "
            f"{', '.join(seen)} in {int(wrong.sum())} rows of table `{task.table}`, first in row "
            f"{int(np.flatnonzero(wrong)[0]) + 1}. Correct the expression, or leave these rows out with `where`."
        )
    return found


def wrong_labels(task: Task, found: npt.NDArray[np.float64]) -> Bools:
    """Tell which numbers are outside the range of a task's kind."""
    if task.kind in ("binary", "relatedness"):
        return ~np.isin(found, (0, 1))
    # Labels are kept as float32, in which larger ones are infinite.
    wrong: Bools = ~(np.abs(found) <= np.finfo(np.float32).max)
    if task.kind in ("ranking", "amount"):
        wrong |= found < 0
    return wrong


def _ordered(values: pa.Array) -> list[str]:
    """List classes ascending: as numbers where all are numbers, else as text."""
    written = [v for v in texts(flat(values)).unique().to_pylist() if v is not None]
    try:
        return sorted(written, key=lambda v: (float(v), v))
    except ValueError:
        return sorted(written)


def _need_list(name: str, task: Task, values: pa.Array) -> None:
    if not _is_list(values.type):
        raise DataError(
            f"Task `{name}`: label `{task.label}` of a multilabel task should be a list per row. Found {values.type}. Write "
            f"`string_split({task.label}, '|')`, or give the column a `separator` in `features`."
        )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _example(values: pa.Array, observed: Bools) -> str:
    """Show an observed value that is no number."""
    rows = np.flatnonzero(observed).tolist()
    row = next((row for row in rows if numbers(values.slice(row, 1)) is None), rows[0])
    return f"`{values[row].as_py()}` in row {row + 1}"
