"""New rows through the frozen plan: the same code that packed the training table, so that serving sees what it saw."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.columns import Columns, Prepared
from plait.data.engine import Engine
from plait.data.examples import Examples, apply_examples
from plait.data.facts import kinds_of_facts
from plait.data.media.medium import MediaEncoders
from plait.data.moments import MISSING, moments
from plait.data.pack import matrix_shape, pack
from plait.data.relations import key_rows
from plait.data.rules.judge import rules_of_rows
from plait.data.slots import as_fitted
from plait.data.table import Packing, vectors, words
from plait.data.text.joint import joint_texts, reached_from_outside
from plait.data.text.tags import lay_tags
from plait.data.text.vectors import TextEncoder
from plait.data.text.words import TokenReader
from plait.errors import RecipeError, nearest
from plait.layout import Layout, TableLayout

__all__ = ["apply"]


def apply(
    prepared: Prepared,
    table: str,
    rows: pa.Table,
    texts: TextEncoder | TokenReader | None = None,
    media: MediaEncoders | None = None,
    files: Path | None = None,
) -> Columns:
    """Pack new rows of a table with the vocabularies and statistics of training.

    Values never seen in training get the code for that, keys without partner row 0. Labels are read where all columns
    of their expressions are there.

    Args:
        prepared: what training used.
        table: the table the rows belong to.
        rows: the rows, with the columns of the table's features and keys, save a key to be found and its tasks' labels.
        texts: reads text features.
        media: reads pictures and sounds.
        files: what relative paths of pictures and sounds start from; no file is read where not said.

    Returns:
        The packed rows, from row number 1; all of part 0.

    Raises:
        RecipeError: if there is no such table.
        DataError: if a column is missing, with the nearest there is, or holds something else.
    """
    plan = prepared.plan
    if table not in plan.schema.tables:
        known = list(plan.schema.tables)
        raise RecipeError(f"There should be a table `{table}`; this recipe has {known}.{nearest(table, known)}")
    frozen, given, rows = prepared.layout.tables[table], {*rows.column_names}, _with_hidden(prepared.layout, table, rows)
    with Engine(Path()) as engine:
        engine.add(table, rows)
        keys = _keys(engine, prepared, table)
        examples = apply_examples(engine, plan, table, keys, prepared.layout.tasks, given)
        packing = replace(_packing(engine, prepared, table, keys, examples), folder=files)
        _freeze(engine, prepared, packing, layout := frozen.model_copy(update={"rows": rows.num_rows}))
        found = vectors(packing, engine, texts, media, None, {f.name: f.dim for f in frozen.features if f.dim})
        read = words(packing, engine, texts, [n for n, w in prepared.tables[table].words.items() if w.offsets is not None])
        lay_tags(examples, read)
        relations = kinds_of_facts(engine, plan.schema, plan.codes, prepared.graphs, table)
        matrix = np.empty(matrix_shape(layout), np.int32)
        deque(pack(engine, packing, layout, matrix), maxlen=0)
        rules = rules_of_rows(prepared, table, rows.num_rows, keys, {c: rows[c] for c in rows.column_names}, engine)
    return Columns(
        layout,
        torch.from_numpy(matrix),
        _tensors(found),
        labels=_tensors(examples.labels),
        weights=_tensors(examples.weights),
        part=torch.zeros(rows.num_rows + 1, dtype=torch.uint8),
        times=_times(prepared, table, rows),
        words=read,
        relations=relations,
        rules=rules,
        questions=_tensors(examples.questions),
        known=_known(prepared, table, rows),
    )


def _with_hidden(layout: Layout, table: str, rows: pa.Table) -> pa.Table:
    """Add the missing columns of features that every task on a table is kept from seeing in the table's own rows."""
    own = [role for role, keys in layout.paths.get(table, {}).items() if not keys]
    seen = [
        {f"{role}/{f.name}" for role in own if role in group.roles for f in layout.tables[table].features} - {*group.hidden}
        for group in layout.groups
        if group.table == table
    ]
    names = {f.name for f in layout.tables[table].features if f.target is None}
    hidden = {name.partition(".")[2] for name in names if not any(f"{role}/{name}" in some for some in seen for role in own)}
    for column in sorted(hidden - {*rows.column_names}):
        rows = rows.append_column(column, pa.nulls(rows.num_rows))
    return rows


def _packing(
    engine: Engine, prepared: Prepared, table: str, keys: Mapping[str, npt.NDArray[np.int32]], examples: Examples
) -> Packing:
    """Say what is packed of the new rows."""
    schema, frozen = prepared.plan.schema, prepared.layout.tables[table]
    nothing = np.zeros(engine.count(table), np.int32)
    groups = {k: examples.groups.get(k, nothing) for k in frozen.keys if k not in frozen.targets}
    features = {f.name: schema.features[f.name] for f in frozen.features if f.target is None}
    packing = Packing(table, features, {**keys, **groups})
    outside = partial(reached_from_outside, engine, prepared, table, keys)
    packing.joint = joint_texts(schema, features, outside)
    return packing


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def _keys(engine: Engine, prepared: Prepared, table: str) -> dict[str, npt.NDArray[np.int32]]:
    """Find the prepared rows that the keys of the new rows lead to; 0 where there is none, or where it is to be found."""
    found = {}
    tasks = [task for task in prepared.plan.schema.tasks.values() if task.table == table and task.kind == "retrieval"]
    sought = {task.label.strip().strip('"') for task in tasks} - {*engine.columns(table)}
    for key, target in prepared.layout.tables[table].targets.items():
        if key in sought:
            found[key] = np.zeros(engine.count(table), np.int32)
            continue
        engine.need(table, key, f"Key `{table}.{key}`")
        found[key] = np.maximum(key_rows(engine.column(table, key), prepared.plan.ids[target])[0], 0)
    return found


def _times(prepared: Prepared, table: str, rows: pa.Table) -> Tensor | None:
    """Read when the rows happened, where they say so; a row that does not happens now."""
    column = prepared.plan.schema.tables[table].time
    if column is None or column not in rows.column_names:
        return None
    found = moments(rows[column], f"{table}.{column}")
    return torch.from_numpy(np.append(MISSING, np.where(found == MISSING, np.iinfo(np.int64).max, found)))


def _known(prepared: Prepared, table: str, rows: pa.Table) -> Tensor | None:
    """Find rows of the prepared table among rows from outside, by their id."""
    plan = prepared.plan
    if table not in plan.ids or plan.id_column(table) not in rows.column_names:
        return None
    found = np.maximum(plan.ids[table].encode(rows[plan.id_column(table)]), 0)
    return torch.from_numpy(np.append(0, found).astype(np.int64))


def _freeze(engine: Engine, prepared: Prepared, packing: Packing, layout: TableLayout) -> None:
    plan = prepared.plan
    by_name = {f.name: f for f in layout.features}
    for name in packing.slotted:
        engine.need(packing.name, name.partition(".")[2], f"Feature `{name}`")
        packing.fitted[name] = as_fitted(by_name[name], plan.codes.get(name), plan.numbers.get(name))
