"""Rules evaluated: in preparation on all examples, later on new ones, with the columns that keys lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.columns import Prepared
from plait.data.engine import Engine
from plait.data.relations import Relations
from plait.data.rules.reading import Reading, read_rule
from plait.data.rules.ruled import Ruled
from plait.data.text.joint import reached
from plait.data.values import flat
from plait.errors import RecipeError, nearest
from plait.layout import RuleLayout, TaskLayout
from plait.schema import Place, Rule, Schema

__all__ = ["Rules", "forbids", "judge_pairs", "judge_rows", "prepared_column", "rules_of", "rules_of_rows"]

Bools = npt.NDArray[np.bool_]
Keys = Mapping[str, npt.NDArray[np.int32]]
Values = Mapping[str, "pa.Array | pa.ChunkedArray"]
_MOST_PAIRS: Final = 1 << 24


@final
@dataclass(slots=True)
class Rules:
    """All rules of a schema, evaluated."""

    layouts: dict[str, RuleLayout] = field(default_factory=dict)
    ruled: dict[str, Ruled] = field(default_factory=dict)
    kinds: dict[str, Tensor] = field(default_factory=dict)
    """Rule about a retrieval task -> of what kind each candidate is."""

    def of(self, table: str) -> dict[str, Ruled]:
        """Return what the rules about tasks of a table forbid its rows."""
        return {name: known for name, known in self.ruled.items() if self.layouts[name].table == table}


def rules_of(engine: Engine, schema: Schema, relations: Relations, tasks: Mapping[str, TaskLayout]) -> Rules:
    """Evaluate every rule on all examples of its task.

    Args:
        engine: reads the columns.
        schema: the schema.
        relations: keys as row numbers.
        tasks: the tasks as prepared.

    Raises:
        RecipeError: if a rule cannot be read, names a class that does not exist, or tells too many kinds of pairs apart.
        DataError: if it names a column that does not exist.
    """
    found = Rules()
    if not schema.rules:
        return found
    with Engine(Path()) as asked:
        for name, rule in schema.rules.items():
            read, task = read_rule(schema, name), tasks[rule.task]
            for place in (*read.own.values(), *read.candidate.values()):
                engine.need(place.table, place.column, read.who)
            own = {n: reached(engine, relations, schema, read.table, place) for n, place in read.own.items()}
            if task.target is not None:
                target = task.target
                others = {n: reached(engine, relations, schema, target, place) for n, place in read.candidate.items()}
                rows = relations.rows[read.table], relations.rows[target]
                kinds, first = _kinds(others, rows[1], read.who)
                few = {n: flat(values).take(pa.array(first)) for n, values in others.items()}
                found.kinds[name] = _after_row_zero(kinds)
                found.ruled[name] = judge_pairs(asked, read, own, rows[0], few, len(first))
            else:
                found.ruled[name] = judge_rows(asked, [read], own, relations.rows[read.table])[0]
            found.layouts[name] = RuleLayout(
                name=name, task=rule.task, table=read.table, rule=rule.rule, classes=_classes(name, rule, task)
            )
    return found


def rules_of_rows(
    prepared: Prepared, table: str, rows: int, keys: Keys, own: Values, engine: Engine, pairs: bool | None = None
) -> dict[str, Ruled]:
    """Evaluate the rules about tasks of a table on rows that are in no prepared table; what is not known of them is NULL.

    Args:
        prepared: what training used.
        table: the rows' table.
        rows: how many there are.
        keys: key column -> the prepared rows it leads to, 0 for none; keys not named lead nowhere.
        own: the columns that are known of the rows themselves.
        engine: evaluates; tables opened in it stay as they are but the one named like the rows' table.
        pairs: only rules about candidates, or only those about outcomes; all where not said.
    """
    schema, layout = prepared.plan.schema, prepared.layout
    targets = {n: layout.tasks[rule.task].target for n, rule in layout.rules.items() if rule.table == table}
    reads = {n: read_rule(schema, n) for n, target in targets.items() if pairs in (None, target is not None)}
    places = {called: place for read in reads.values() for called, place in read.own.items()}
    values = {called: _of_row(prepared, table, rows, keys, own, place) for called, place in places.items()}
    outcomes = [name for name in reads if targets[name] is None]
    found = dict(zip(outcomes, judge_rows(engine, [reads[name] for name in outcomes], values, rows), strict=True))
    for name, read in reads.items():
        target = targets[name]
        if target is not None:
            _, first = np.unique(prepared.rule_kinds[name][1:].numpy(), return_index=True)
            chosen = torch.from_numpy(first + 1)
            few = {n: prepared_column(prepared, target, chosen, place) for n, place in read.candidate.items()}
            found[name] = judge_pairs(engine, read, {n: values[n] for n in read.own}, rows, few, len(first))
    return found


def prepared_column(prepared: Prepared, table: str, rows: Tensor, place: Place) -> pa.ChunkedArray:
    """Return a column as prepared rows of a table reach it along keys; 0 gives NULL."""
    for key in place.keys:
        layout = prepared.layout.tables[table]
        rows = prepared.tables[table].matrix[:, layout.keys[key]].index_select(0, rows).long()
        table = layout.targets[key]
    return prepared.raw(table, rows).column(place.column)


def _of_row(prepared: Prepared, table: str, rows: int, keys: Keys, own: Values, place: Place) -> pa.Array | pa.ChunkedArray:
    if not place.keys:
        return own[place.column] if place.column in own else pa.nulls(rows)
    if place.keys[0] not in keys:
        return pa.nulls(rows)
    there = torch.from_numpy(keys[place.keys[0]]).long()
    target = prepared.layout.tables[table].targets[place.keys[0]]
    return prepared_column(prepared, target, there, Place(place.keys[1:], place.table, place.column))


def judge_rows(engine: Engine, reads: Sequence[Reading], own: Values, rows: int) -> list[Ruled]:
    """Say to which rows outcomes are forbidden, for some rules about one table.

    Args:
        engine: evaluates the conditions.
        reads: the rules.
        own: name -> its values, one per row.
        rows: how many rows there are.
    """
    found = forbids(engine, reads, own, rows)
    return [Ruled(_after_row_zero(broken.astype(np.int32)), torch.tensor([[False], [True]])) for broken in found]


def judge_pairs(engine: Engine, read: Reading, own: Values, rows: int, candidate: Values, kinds: int) -> Ruled:
    """Say which kinds of candidate are forbidden to which kinds of row; rows that a rule cannot tell apart are one kind.

    Args:
        engine: evaluates the condition.
        read: the rule.
        own: name -> its values, one per row.
        rows: how many rows there are.
        candidate: name -> its values, one per kind of candidate.
        kinds: how many kinds of candidate there are.

    Raises:
        RecipeError: if there are too many kinds of pairs.
    """
    of_row, first = _kinds(own, rows, read.who)
    pairs = len(first) * kinds
    if pairs > _MOST_PAIRS:
        raise RecipeError(
            f"{read.who}: it tells {len(first):,} kinds of examples and {kinds:,} kinds of candidates apart, and their "
            f"pairs should be at most {_MOST_PAIRS:,}. Found {pairs:,}. Round its columns, or compare fewer of them."
        )
    down = pa.array(np.repeat(first, kinds))
    across = pa.array(np.tile(np.arange(kinds), len(first)))
    values = {n: flat(column).take(down) for n, column in own.items()}
    values |= {n: flat(column).take(across) for n, column in candidate.items()}
    broken = forbids(engine, [read], values, pairs)[0].reshape(len(first), kinds)
    return Ruled(_after_row_zero(of_row), torch.from_numpy(broken.copy()))


def forbids(engine: Engine, reads: Sequence[Reading], values: Values, rows: int) -> list[Bools]:
    """Evaluate rules about one table in one go: true where a rule is false; NULL forbids nothing.

    Raises:
        RecipeError: if one cannot be evaluated, or is no condition.
        DataError: if one fails on a value.
    """
    if rows == 0 or not reads:
        return [np.zeros(0, np.bool_) for _ in reads]
    engine.add(reads[0].table, pa.table(dict(values)))
    holds = engine.evaluate(reads[0].table, {read.who: read.condition for read in reads})
    found = []
    for read in reads:
        column = holds.column(read.who)
        if not pa.types.is_boolean(column.type):
            raise RecipeError(f"{read.who}: the rule should be a condition, true or false. Found {column.type}.")
        found.append(~np.asarray(flat(column.fill_null(True)).to_numpy(zero_copy_only=False), dtype=np.bool_))
    return found


def _kinds(columns: Values, rows: int, who: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Number rows by their values, and return the first row of each number."""
    if not columns or not rows:
        return np.zeros(rows, np.int32), np.zeros(1 if not columns or rows else 0, np.int64)
    try:
        coded = [
            flat(values).dictionary_encode("encode").indices.to_numpy(zero_copy_only=False) for values in columns.values()
        ]
    except pa.ArrowException as error:
        raise RecipeError(f"{who}: its columns should hold plain values, so that rows can be compared. {error}") from error
    _, first, numbers = np.unique(np.stack(coded, axis=1), axis=0, return_index=True, return_inverse=True)
    return numbers.reshape(-1).astype(np.int32), first.astype(np.int64)


def _after_row_zero(values: npt.NDArray[np.int32]) -> Tensor:
    return torch.from_numpy(np.append(np.int32(0), values))


def _classes(name: str, rule: Rule, task: TaskLayout) -> list[int]:
    for wanted in rule.named:
        if wanted not in task.classes:
            raise RecipeError(
                f"Rule `{name}`: `classes` should be classes of task `{rule.task}` that the training part has. Found "
                f"`{wanted}`.{nearest(wanted, task.classes)}"
            )
    return [task.classes.index(wanted) for wanted in rule.named]
