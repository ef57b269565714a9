"""What a table's rows are examples of: labels inside their sample spaces, sample weights, groups."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.delay import settle
from plait.data.engine import Engine
from plait.data.labels import encode_label, fit_label, holds, label_numbers, label_values
from plait.data.moments import moments
from plait.data.plan import Plan
from plait.data.questions import question_numbers
from plait.data.seats import Seats
from plait.data.text.spans import Spans, find_spans
from plait.data.values import flat, numbers
from plait.data.vocabulary import count
from plait.errors import DataError, RecipeError
from plait.layout import TaskLayout
from plait.schema import Category, Schema, Task

__all__ = ["Examples", "apply_examples", "read_examples"]

Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


@final
@dataclass(slots=True)
class Examples:
    """The labels of one table."""

    layouts: dict[str, TaskLayout] = field(default_factory=dict)
    labels: dict[str, Floats] = field(default_factory=dict)
    """Task -> float32 [rows + 1, slots], NaN where not observed."""
    weights: dict[str, Floats] = field(default_factory=dict)
    questions: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Retrieval task that is `filtered` -> int64 [rows + 1], which question each row asks."""
    groups: dict[str, Ints] = field(default_factory=dict)
    """Group column that is no key -> int32 [rows], numbers from 1, 0 for NULL."""
    spans: dict[str, Spans] = field(default_factory=dict)
    """tagging task -> its phrases, to be laid on tokens."""
    notes: list[str] = field(default_factory=list)


def read_examples(
    engine: Engine, schema: Schema, table: str, keys: Mapping[str, Ints], part: npt.NDArray[np.uint8], seats: Seats
) -> Examples:
    """Evaluate and fit the labels of all tasks of a table.

    Args:
        engine: evaluates expressions.
        schema: the schema.
        table: the table.
        keys: its keys as row numbers.
        part: int8 [rows], the split.
        seats: says which role holds the right answer.

    Raises:
        RecipeError: if an expression cannot be read, or a ranking task has no group.
        DataError: if a label is not of its task's kind, or never observed in training.
    """
    tasks = {n: t for n, t in schema.tasks.items() if t.table == table}
    found = Examples()
    values, observed = _evaluate(engine, schema, table, tasks, keys)
    chances = _settle(engine, schema, table, tasks, values, observed, part)
    for name, task in tasks.items():
        layout = fit_label(name, task, values[name], observed[name], part == 1)
        late = _late(layout, chances[name][observed[name] & (part == 1)]) if name in chances else {}
        found.layouts[name] = layout.model_copy(update=_seats(name, seats) | _group(engine, name, task) | late)
        _note(found, name, task, layout, observed[name])
    _fill(engine, schema, table, tasks, values, observed, found)
    _append(found, chances)
    return found


def apply_examples(
    engine: Engine,
    plan: Plan,
    table: str,
    keys: Mapping[str, Ints],
    layouts: Mapping[str, TaskLayout],
    given: Set[str],
) -> Examples:
    """Read the labels of new rows as frozen layouts say; tasks whose label columns are not `given` are left out."""
    tasks = {n: t for n, t in plan.schema.tasks.items() if t.table == table and given >= {*plan.reads[n]}}
    found = Examples(layouts={n: layouts[n] for n in tasks})
    values, observed = _evaluate(engine, plan.schema, table, tasks, keys)
    none = np.zeros(engine.count(table), dtype=np.uint8)
    chances = _settle(engine, plan.schema, table, tasks, values, observed, none)
    _fill(engine, plan.schema, table, tasks, values, observed, found)
    _append(found, chances)
    return found


def _evaluate(
    engine: Engine, schema: Schema, table: str, tasks: Mapping[str, Task], keys: Mapping[str, Ints]
) -> tuple[dict[str, pa.Array], dict[str, Bools]]:
    asked: dict[str, str] = {}
    for name, task in tasks.items():
        asked[f"Label of task `{name}`"] = task.label
        if task.where is not None:
            asked[f"`where` of task `{name}`"] = task.where
    result = engine.evaluate(table, asked) if asked else pa.table({})
    values: dict[str, pa.Array] = {}
    observed: dict[str, Bools] = {}
    for name, task in tasks.items():
        column = result.column(f"Label of task `{name}`")
        values[name] = label_values(task, column, _separator(schema, table, task))
        seen = _bools(pc.is_valid(column)) & ~_bools(pc.is_null(column, nan_is_null=True))
        if task.where is not None:
            who = f"`where` of task `{name}`"
            seen &= holds(who, table, task.where, result.column(who))
        key = task.label.strip().strip('"')
        if task.kind in ("retrieval", "relatedness") and key in keys:
            seen &= keys[key] > 0
            values[name] = pa.array(np.ones(len(seen), np.int8))
        observed[name] = seen
    return values, observed


def _settle(
    engine: Engine,
    schema: Schema,
    table: str,
    tasks: Mapping[str, Task],
    values: dict[str, pa.Array],
    observed: dict[str, Bools],
    part: npt.NDArray[np.uint8],
) -> dict[str, Floats]:
    """Replace labels that may still become 1 by what is known of them; return the chance of knowing by now, per row."""
    chances: dict[str, Floats] = {}
    for name, task in tasks.items():
        column = schema.tables[table].time
        if task.delay is None or column is None:
            continue
        who = f"`delay.at` of task `{name}`"
        arrived = moments(engine.evaluate(table, {who: task.delay.at}).column(who), who)
        times = moments(engine.column(table, column), f"{table}.{column}")
        label = label_numbers(name, task, values[name], observed[name])
        found = settle(f"Task `{name}`", task.delay, label, observed[name], times, arrived, part)
        values[name], observed[name] = pa.array(found.label), found.observed
        if task.delay.correction == "importance":
            chances[name] = found.chance.astype(np.float32)
    return chances


def _late(layout: TaskLayout, chance: Floats) -> dict[str, object]:
    """Correct the rate of a label that may still become 1 for those that will."""
    return {"label_width": 2, "mean": float(min(1.0, layout.mean / max(float(chance.mean()), 1e-9)))}


def _append(found: Examples, chances: Mapping[str, Floats]) -> None:
    """Put the chance of knowing by now beside its label."""
    for name, chance in chances.items():
        beside = np.append(np.float32(1), chance)[:, None].astype(np.float32)
        found.labels[name] = np.concatenate([found.labels[name], beside], axis=1)


def _fill(
    engine: Engine,
    schema: Schema,
    table: str,
    tasks: Mapping[str, Task],
    values: Mapping[str, pa.Array],
    observed: Mapping[str, Bools],
    found: Examples,
) -> None:
    keys = schema.tables[table].keys
    for name, task in tasks.items():
        labels, unseen = encode_label(found.layouts[name], task, values[name], observed[name])
        if unseen:
            found.notes.append(
                f"Task `{name}`: {unseen} labels are of classes that no training row has; they count as not observed."
            )
        found.labels[name] = np.concatenate([np.full((1, labels.shape[1]), np.nan, np.float32), labels])
        if task.kind == "tagging" and task.text is not None:
            engine.need(table, task.text, f"`text` of task `{name}`")
            words = engine.column(table, task.text)
            found.spans[name] = find_spans(f"Label of task `{name}`", words, values[name], observed[name])
        if task.sample_weight is not None:
            found.weights[name] = _weights(engine, name, task, observed[name])
        if task.filtered:
            found.questions[name] = question_numbers(engine, table, task.filtered, f"`filtered` of task `{name}`")
        if task.group is not None and task.group not in keys and task.group in engine.columns(table):
            column = flat(engine.column(table, task.group))
            found.groups[task.group] = np.maximum(count(column, None, 1).encode(column), 0)


def _weights(engine: Engine, name: str, task: Task, observed: Bools) -> Floats:
    assert task.sample_weight is not None
    who = f"`sample_weight` of task `{name}`"
    found = numbers(flat(engine.evaluate(task.table, {who: task.sample_weight}).column(who)))
    if found is None:
        raise DataError(f"{who}: `{task.sample_weight}` should be a number of 0 or more per row.")
    wrong = observed & ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{who}: `{task.sample_weight}` should be a finite number of 0 or more. Found {found[row]:g} in row {row + 1} "
            f"of table `{task.table}`, and {int(wrong.sum())} such rows in all. Correct it, for instance with "
            f"`coalesce(…, 1)`."
        )
    return np.append(np.float32(0), np.where(observed, found, 0).astype(np.float32)).astype(np.float32)


def _separator(schema: Schema, table: str, task: Task) -> str | None:
    """Take the separator of the category feature that a multilabel label names."""
    feature = schema.features.get(f"{table}.{task.label.strip().strip(chr(34))}")
    return feature.separator if isinstance(feature, Category) else None


def _seats(name: str, seats: Seats) -> dict[str, object]:
    if name not in seats.target:
        return {}
    target = next(r.table for r in seats.roles if r.name == seats.target[name])
    return {"target": target, "query_role": seats.query.get(name), "target_role": seats.target[name]}


def _group(engine: Engine, name: str, task: Task) -> dict[str, object]:
    if task.group is None:
        if task.kind == "ranking":
            raise RecipeError(
                f"Task `{name}`: a ranking task should say in `group` which column's equal values form one list."
            )
        return {}
    engine.need(task.table, task.group, f"`group` of task `{name}`")
    return {"group_key": task.group}


def _note(found: Examples, name: str, task: Task, layout: TaskLayout, observed: Bools) -> None:
    rate = observed.mean()
    if rate < 0.1:
        found.notes.append(f"Task `{name}`: the label is observed in {rate:.1%} of the rows of table `{task.table}`.")
    if task.kind == "binary" and layout.mean in (0.0, 1.0):
        found.notes.append(f"Task `{name}`: every label of the training part is {int(layout.mean)}.")


def _bools(column: pa.ChunkedArray | pa.Array) -> Bools:
    return np.asarray(flat(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
