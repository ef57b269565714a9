"""The check for columns that give a label away: one input column that predicts it almost perfectly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context, Observed
from plait.data.check.finding import Finding
from plait.data.check.signal import area, area_by_value, explained_by_value, hits_by_value
from plait.data.seats import arrange
from plait.data.values import flat, numbers, plain, texts
from plait.errors import PlaitError
from plait.schema import Embedding, Graph, History, Schema, Task, Text

__all__ = ["check_leaks"]

_ROWS = 30_000
_BINS = 256
_SURE = 0.99
_COPY = 0.995

Longs = npt.NDArray[np.int64]


def check_leaks(context: Context) -> Iterator[Finding]:
    """Look at every column that a task may see, its own table's and those one key away, on a sample of rows."""
    tasks = {name: task for name, task in context.schema.tasks.items() if name in context.labels}
    schema = context.schema.model_copy(update={"features": context.features, "tasks": tasks})
    if not schema.tasks:
        return
    try:
        seats = arrange(schema, {name: found.columns for name, found in context.labels.items()})
    except PlaitError as error:
        yield Finding("FAIL", "inputs", next(iter(schema.tasks.values())).table, "", str(error))
        return
    columns = _Columns(context)
    for name, task in schema.tasks.items():
        if task.kind == "retrieval" or task.text is not None:
            continue
        group = next(group for group in seats.groups if name in group.tasks)
        visible = [
            (role, feature)
            for role in group.roles
            if len(seats.paths[task.table][role]) < 2 and role not in context.features
            for feature in _features(schema, next(r.table for r in seats.roles if r.name == role))
            if feature in seats.features and f"{role}/{feature}" not in group.hidden
        ]
        places = [(seats.paths[task.table][role], feature) for role, feature in visible]
        yield from _of_task(context, columns, name, task, places)


def _features(schema: Schema, table: str) -> list[str]:
    """List the features of a table that hold plain values."""
    return [
        place
        for place, feature in schema.features.items()
        if place.partition(".")[0] == table
        and not isinstance(feature, History | Graph | Embedding)
        and feature.kind != "ignore"
        if not isinstance(feature, Text) or feature.of is None
    ]


def _of_task(
    context: Context, columns: _Columns, name: str, task: Task, places: list[tuple[list[str], str]]
) -> Iterator[Finding]:
    """Judge every visible column for one task."""
    found = context.labels[name]
    known = np.flatnonzero(found.known)
    rows = known[np.unique(np.linspace(0, len(known) - 1, min(_ROWS, len(known))).astype(np.int64))]
    if len(rows) < 50:
        return
    label = _Label(task, found, rows)
    given = 0
    for path, place in places:
        values = columns.of(task.table, path, place)
        told = label.told_by(values, rows) if values is not None else None
        if told is None:
            continue
        given += 1
        table, _, column = place.partition(".")
        through = f" (through key `{path[0]}`)" if path else ""
        text = (
            f"gives the label of task `{name}` away{through}: {told}. If it is known only afterwards, write "
            f"`features: {{{place}: ignore}}`; if it is meant as an input, keep it."
        )
        yield Finding("WARN", "leak", table, column, text, _shown(values, found, rows, column))
    if not given:
        yield Finding("PASS", "leak", task.table, name, f"none of {len(places)} columns gives the label away")


def _shown(values: pa.Array | None, found: Observed, rows: Longs, column: str) -> list[dict[str, object]]:
    """Show a few values beside the label."""
    assert values is not None
    some = pa.array(rows[np.unique(np.linspace(0, len(rows) - 1, 3).astype(np.int64))])
    pairs = zip(some.to_pylist(), texts(values.take(some)).to_pylist(), found.values.take(some).to_pylist(), strict=True)
    return [{"row": row + 1, column: value, "label": str(label)} for row, value, label in pairs]


@final
class _Columns:
    """Columns as an example sees them: its own, or gathered along a key; each read once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.kept: dict[tuple[str, str, str], pa.Array | None] = {}

    def of(self, table: str, path: list[str], place: str) -> pa.Array | None:
        """Return the values of a feature for every row of a table."""
        key = (table, ".".join(path), place)
        if key not in self.kept:
            self.kept[key] = self._read(table, path, place)
        return self.kept[key]

    def _read(self, table: str, path: list[str], place: str) -> pa.Array | None:
        owner, _, column = place.partition(".")
        column_of, tables = self.context.column, self.context.schema.tables
        if owner not in self.context.tables or column not in self.context.columns(owner):
            return None
        values = flat(column_of(owner, column))
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_nested(values.type):
            return None
        if not path:
            return values
        id_column = tables[owner].id
        if id_column is None:
            return None
        keys, ids = texts(flat(column_of(table, path[0]))), texts(flat(column_of(owner, id_column)))
        return values.take(pc.index_in(keys, value_set=ids))


@final
class _Label:
    """The label of sampled rows in the form that its kind is measured in."""

    def __init__(self, task: Task, found: Observed, rows: Longs) -> None:
        values = found.values.take(pa.array(rows))
        self.classes: Longs | None = None
        self.numbers: npt.NDArray[np.float64] | None = None
        self.two = task.kind in ("binary", "relatedness")
        if task.kind in ("multiclass", "ordinal"):
            self.classes = _codes(texts(values))
        elif task.kind == "multilabel":
            self.classes = _codes(pc.binary_join(values.cast(pa.list_(pa.string())), "|").fill_null(""))
        else:
            self.numbers = numbers(values)

    def told_by(self, column: pa.Array, rows: Longs) -> str | None:
        """Say how well a column tells the label, where that is almost perfectly."""
        values = column.take(pa.array(rows))
        if self.classes is not None:
            common = float(np.bincount(self.classes).max()) / len(rows)
            found = hits_by_value(_binned(values), self.classes)
            return f"its value alone is right in {found:.1%} of the rows" if found >= _SURE and common < 0.98 else None
        assert self.numbers is not None
        given = numbers(values)
        if self.two:
            best = area_by_value(_binned(values), self.numbers)
            if given is not None and best < _SURE:
                best = max(best, area(np.nan_to_num(given, nan=-1e300), self.numbers))
            return f"AUC {best:.4f} by this column alone" if best >= _SURE else None
        share = explained_by_value(_binned(values), self.numbers)
        if given is not None and share < _COPY and (fine := np.isfinite(given)).sum() > 50:
            share = max(share, _correlation(given[fine], self.numbers[fine]) ** 2 * float(fine.mean()))
        return f"it alone explains {share:.1%} of the variance" if share >= _COPY else None


def _correlation(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    """Compute the linear correlation, 0 where one side is constant."""
    left, right = _small(left), _small(right)
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _small(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale numbers so that their squares are finite."""
    return values / max(1.0, float(np.abs(values).max(initial=0.0)))


def _codes(values: pa.Array) -> Longs:
    """Number the different values from 0; NULL is a value of its own."""
    encoded = values.dictionary_encode()
    return np.asarray(encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False), dtype=np.int64)


def _binned(values: pa.Array) -> Longs:
    """Number values from 0; numbers with more than 256 different ones by their quantile."""
    given = numbers(values) if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type) else None
    if given is None:
        return _codes(plain(values))
    finite = np.isfinite(given)
    distinct = np.unique(given[finite])
    edges = distinct if len(distinct) <= _BINS else np.unique(np.quantile(given[finite], np.linspace(0, 1, _BINS)))
    return np.where(finite, np.searchsorted(edges, given, side="right"), len(edges) + 1).astype(np.int64)
