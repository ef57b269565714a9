"""A prepared folder on the disk: Parquet with page checksums, plan, manifest; and its way back into tensors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from plait.data.columns import Columns, Events, Prepared
from plait.data.files import check_manifest, file_name, group_starts, read_groups, read_parquet, write_groups, write_parquet
from plait.data.graph import load_edges
from plait.data.pack import matrix_shape, turn
from plait.data.plan import Plan
from plait.data.rules.ruled import load_rules
from plait.data.text.store import load_words, save_words
from plait.data.values import flat
from plait.errors import CorruptError, RecipeError
from plait.layout import Layout, TableLayout

__all__ = ["load", "read_raw", "save_columns", "save_events", "take_rows", "write_raw"]

Ints = npt.NDArray[np.int32]
_WIDE: Final = 512


def save_columns(columns: Columns, folder: Path, blocks: Iterator[Ints], mapped: bool) -> None:
    """Write one prepared table: `tables/NAME.parquet`, one row group per block of rows.

    Args:
        columns: the table; its matrix may still be empty and is filled by running through `blocks`.
        folder: the prepared folder.
        blocks: int32 [slots, some rows], in row order.
        mapped: whether the matrix has a file of its own and stays out of the Parquet file.
    """
    path = _table_file(folder, columns.layout.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = _slot_names(columns.layout)
    others = _other_arrays(columns)

    def groups() -> Iterator[pa.Table]:
        start = 0
        for block in blocks:
            rows = block.shape[1]
            slots = {} if mapped else {name: pa.array(block[i]) for i, name in enumerate(names)}
            yield pa.table(slots | {name: array.slice(start, rows) for name, array in others.items()})
            start += rows

    write_groups(groups(), path)
    for name, words in columns.words.items():
        save_words(name, words, folder)


def _other_arrays(columns: Columns) -> dict[str, pa.Array]:
    arrays: dict[str, pa.Array] = {"part": pa.array(columns.part.numpy())}
    for task, values in columns.labels.items():
        for slot in range(values.shape[1]):
            arrays[f"label:{task}:{slot}"] = pa.array(np.ascontiguousarray(values[:, slot].numpy()))
    arrays |= {f"weight:{task}": pa.array(values.numpy()) for task, values in columns.weights.items()}
    for name, vector in columns.vectors.items():
        inner = pa.array(vector.numpy().reshape(-1))
        arrays[f"vector:{name}"] = pa.FixedSizeListArray.from_arrays(inner, vector.shape[1])
    arrays |= {f"text:{name}": pa.array(words.places.numpy()) for name, words in columns.words.items()}
    arrays |= {f"question:{task}": pa.array(numbers.numpy()) for task, numbers in columns.questions.items()}
    arrays |= {f"relation:{name}": pa.array(kinds.numpy()) for name, kinds in columns.relations.items()}
    return arrays


def matrix_file(folder: Path, table: str) -> Path:
    """Name the file of a memory-mapped matrix."""
    return folder / "tables" / f"{file_name(table)}.matrix"


def save_events(name: str, events: Events, folder: Path) -> None:
    """Write one prepared history."""
    place = folder / "histories" / file_name(name)
    place.mkdir(parents=True, exist_ok=True)
    write_parquet(pa.table({"item": pa.array(events.items.numpy())}), place / "items.parquet")
    write_parquet(pa.table({"time": pa.array(events.times.numpy())}), place / "times.parquet")
    for table, span in {"now": events.now, "owned": events.owned, **{f"of.{t}": s for t, s in events.spans.items()}}.items():
        pair = np.ascontiguousarray(span.numpy().T)
        file = place / f"{file_name(table)}.parquet"
        write_parquet(pa.table({"start": pa.array(pair[0]), "end": pa.array(pair[1])}), file)
    about = {"last": events.last, "tables": list(events.spans)}
    (place / "history.json").write_text(json.dumps(about))


def write_raw(table: str, rows: pa.Table, folder: Path, needed: Set[str] = frozenset()) -> None:
    """Keep the outside values of a table that has an id: its small columns, and those that are needed."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    kept = [c for c in rows.column_names if c in needed or _small(rows.column(c))]
    write_parquet(rows.select(kept), folder / "raw" / f"{file_name(table)}.parquet")


def read_raw(folder: Path, table: str) -> pa.Table:
    """Read what `write_raw` kept.

    Raises:
        RecipeError: if nothing was kept.
    """
    path = folder / "raw" / f"{file_name(table)}.parquet"
    if not path.exists():
        known = sorted(p.stem for p in (folder / "raw").glob("*.parquet"))
        raise RecipeError(f"Outside values are kept of tables with an `id`: {known}. Asked for `{table}`.")
    return read_parquet(path)


def take_rows(rows: pa.Table, numbers: Tensor) -> pa.Table:
    """Take rows by row number; 0 gives a row of nulls."""
    wanted = numbers.to(torch.int64).reshape(-1).numpy()
    return rows.take(pa.array(wanted - 1, mask=wanted < 1))


def load(folder: Path) -> Prepared:
    """Read a prepared folder and check every file against its manifest.

    Raises:
        CorruptError: naming the file, for Parquet with row group and column.
    """
    check_manifest(folder)
    plan = Plan.load(folder)
    tables = {name: _load_columns(folder, layout, plan.layout) for name, layout in plan.layout.tables.items()}
    histories = {name: _load_events(folder, name) for name in plan.layout.histories}
    graphs = {f.name: load_edges(f.name, folder) for t in plan.layout.tables.values() for f in t.features if f.target}
    ruled, kinds = load_rules(list(plan.layout.rules), folder)
    for name, rule in plan.layout.rules.items():
        tables[rule.table] = replace(tables[rule.table], rules={**tables[rule.table].rules, name: ruled[name]})
    return Prepared(folder, plan.layout, tables, histories, plan, graphs=graphs, rule_kinds=kinds)


def _load_columns(folder: Path, layout: TableLayout, whole: Layout) -> Columns:
    path = _table_file(folder, layout.name)
    shape = matrix_shape(layout)
    names = _slot_names(layout)
    table = read_parquet(path, others=names)
    mapped = matrix_file(folder, layout.name)
    if table.num_rows != shape[0]:
        raise CorruptError(f"{path} should have {shape[0]} rows. Found {table.num_rows}. Prepare again.")
    if mapped.exists() and mapped.stat().st_size:
        matrix = np.asarray(np.memmap(mapped, np.int32, "c", shape=shape))
    else:
        matrix = _read_matrix(path, names, shape)
    labels = {}
    weights = {}
    for name, task in whole.tasks.items():
        if task.table == layout.name:
            slots = [c for c in table.column_names if c.startswith(f"label:{name}:") and c[len(name) + 7 :].isdigit()]
            labels[name] = torch.from_numpy(
                np.stack([_numpy(table, f"label:{name}:{i}") for i in range(len(slots))], axis=1)
            )
            if f"weight:{name}" in table.column_names:
                weights[name] = torch.from_numpy(_numpy(table, f"weight:{name}"))
    given = [f for f in layout.features if f.dim and not f.tokens]
    vectors = {f.name: torch.from_numpy(_vector(table, f"vector:{f.name}", f.dim)) for f in given}
    read = [f.name for f in layout.features if f.tokens]
    words = {n: load_words(n, torch.from_numpy(_numpy(table, f"text:{n}")), folder) for n in read}
    part = torch.from_numpy(_numpy(table, "part"))
    relations, questions = _named(table, "relation"), _named(table, "question")
    return Columns(
        layout,
        torch.from_numpy(matrix),
        vectors,
        labels,
        weights,
        part,
        words=words,
        relations=relations,
        questions=questions,
    )


def _named(table: pa.Table, kind: str) -> dict[str, Tensor]:
    """Read the arrays of a kind: `kind:name` -> name -> array."""
    names = [c.partition(":")[2] for c in table.column_names if c.startswith(f"{kind}:")]
    return {name: torch.from_numpy(_numpy(table, f"{kind}:{name}")) for name in names}


def _read_matrix(path: Path, names: list[str], shape: tuple[int, int]) -> Ints:
    """Read packed slots row group by row group, so that they are never in memory twice."""
    matrix: Ints = np.empty(shape, np.int32)
    if not names:
        return matrix

    def one(place: tuple[int, int]) -> None:
        group, start = place
        table = read_groups(path, [group], names)
        block = np.stack([flat(c).to_numpy() for c in table.columns])
        turn(block, matrix[start : start + table.num_rows])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, enumerate(group_starts(path))))
    return matrix


def _load_events(folder: Path, name: str) -> Events:
    place = folder / "histories" / file_name(name)
    about = json.loads((place / "history.json").read_text())
    items = torch.from_numpy(_numpy(read_parquet(place / "items.parquet"), "item"))

    def pair(table: str) -> Tensor:
        rows = read_parquet(place / f"{file_name(table)}.parquet")
        return torch.from_numpy(np.stack([_numpy(rows, "start"), _numpy(rows, "end")], axis=1))

    return Events(
        items=items,
        spans={t: pair(f"of.{t}") for t in about["tables"]},
        now=pair("now"),
        last=int(about["last"]),
        times=torch.from_numpy(_numpy(read_parquet(place / "times.parquet"), "time")),
        owned=pair("owned"),
    )


def _slot_names(layout: TableLayout) -> list[str]:
    """Name the packed slots, in their order."""
    names = [""] * (layout.codes + len(layout.keys) + layout.numbers)
    for key, slot in layout.keys.items():
        names[slot] = f"key:{key}"
    for feature in layout.features:
        for i, slot in enumerate(feature.slots):
            names[slot] = f"code:{feature.name}:{i}"
        for i, slot in enumerate(feature.numbers):
            names[layout.codes + len(layout.keys) + slot] = f"number:{feature.name}:{i}"
    return names


def _table_file(folder: Path, table: str) -> Path:
    return folder / "tables" / f"{file_name(table)}.parquet"


def _numpy(table: pa.Table, column: str) -> np.ndarray:
    # A copy, because torch wants memory that it may write to.
    return np.array(flat(table.column(column)).to_numpy(zero_copy_only=False))


def _vector(table: pa.Table, column: str, dim: int) -> np.ndarray:
    return np.array(flat(table.column(column)).flatten().to_numpy(zero_copy_only=False)).reshape(-1, dim)


def _small(column: pa.ChunkedArray) -> bool:
    """Say whether a column is worth showing to a person: no vectors, no bytes, no long documents."""
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return False
    if pa.types.is_nested(kind):
        return bool(pa.types.is_list(kind) and pa.types.is_string(kind.value_type))
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return not text or float(pc.mean(pc.binary_length(column)).as_py() or 0) <= _WIDE
