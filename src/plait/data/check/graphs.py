"""Checks of graph tables: how much is known of whom, and facts of the test part that training holds already."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from plait.data.check.context import Context
from plait.data.check.finding import Finding
from plait.data.graph import FactKeys, fact_keys
from plait.data.parts import assign
from plait.data.relations import Relations, relate
from plait.data.values import flat, texts
from plait.data.vocabulary import count
from plait.errors import PlaitError
from plait.schema import Graph, Task

__all__ = ["check_graphs"]

_OFTEN = 0.05

Longs = npt.NDArray[np.int64]


def check_graphs(context: Context) -> Iterator[Finding]:
    """Look at every graph feature, and at the split of its facts where a task predicts them."""
    graphs = {name: f for name, f in context.features.items() if isinstance(f, Graph)}
    if not graphs or set(context.tables) != set(context.schema.tables):
        return
    try:
        relations = relate(context.engine, context.schema)
        parts = assign(context.engine, context.schema, relations)
    except PlaitError:
        return  # told by the checks of ids, keys, times and split
    for name, graph in graphs.items():
        table, _, column = name.partition(".")
        try:
            keys = fact_keys(context.schema, name, graph)
            facts = _facts(context, name, graph, keys, relations)
        except PlaitError as error:
            yield Finding("FAIL", "graph", table, column, str(error))
            continue
        yield _known(table, column, graph, facts, relations.rows[table])
        yield from _events(table, column, context.schema.tables[keys.table].time, keys)
        yield from _labels(context, name, keys, relations)
        if any(task.table == keys.table for task in context.schema.tasks.values()):
            yield _split(table, column, keys, facts, parts[keys.table], keys.target == table)


def _facts(context: Context, name: str, graph: Graph, keys: FactKeys, relations: Relations) -> Longs:
    """Return head, kind and tail of every row of the graph table."""
    kinds = np.zeros(relations.rows[keys.table], np.int32)
    if graph.relation is not None:
        context.engine.need(keys.table, graph.relation, f"`relation` of graph `{name}`")
        column = flat(context.engine.column(keys.table, graph.relation))
        kinds = np.maximum(count(column, None, 1).encode(column), 0)
    found = relations.keys[keys.table]
    return np.stack([found[keys.head], kinds, found[keys.tail]], axis=1).astype(np.int64)


def _known(table: str, column: str, graph: Graph, facts: Longs, rows: int) -> Finding:
    whole = facts[(facts[:, 0] > 0) & (facts[:, 2] > 0)]
    counts = np.bincount(np.unique(whole, axis=0)[:, 0], minlength=rows + 1)[1:]
    known, more = int((counts > 0).sum()), int((counts > graph.most).sum())
    text = f"{len(whole):,} facts of {len(np.unique(whole[:, 1])):,} kinds about {known:,} of {rows:,} rows"
    if not known:
        return Finding("FAIL", "graph", table, column, f"{text}: nothing is known of any row. Correct the keys.")
    if more:
        text = f"{text}; {more:,} rows have more than {graph.most} (`most`), of which so many are drawn"
    return Finding("PASS", "graph", table, column, text)


def _events(table: str, column: str, time: str | None, keys: FactKeys) -> Iterator[Finding]:
    """Warn of facts that happened at some moment: a graph looks ahead."""
    if time is not None:
        text = (
            f"`{keys.table}` has a time (`{time}`), and facts count whenever they happened: an example sees what came after "
            f"it. Read it as a history, or let this table have no `time` if its rows were always true."
        )
        yield Finding("WARN", "graph", table, column, text)


def _labels(context: Context, name: str, keys: FactKeys, relations: Relations) -> Iterator[Finding]:
    """Warn where facts say what a task on the same rows has to find."""
    table, _, column = name.partition(".")
    tails = texts(flat(context.engine.column(keys.table, keys.tail)))
    heads = relations.keys[keys.table][keys.head]
    for task_name, found in context.labels.items():
        task = context.schema.tasks[task_name]
        if task.table != table or task.kind not in ("multiclass", "multilabel") or not _sees(task, name, table):
            continue
        values, rows = found.values, np.arange(1, len(found.known) + 1)
        if task.kind == "multilabel":
            rows = np.repeat(rows, pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64))
            values = values.flatten()
        known = found.known[rows - 1]
        labels = texts(values).filter(pa.array(known))
        told = pa.table({"row": heads, "value": tails.cast(pa.string())})
        asked = pa.table({"row": rows[known].astype(np.int32), "value": labels.cast(pa.string())})
        hits = asked.join(told.group_by(["row", "value"]).aggregate([]), ["row", "value"], join_type="left semi").num_rows
        if hits > _OFTEN * max(asked.num_rows, 1):
            text = (
                f"says what task `{task_name}` has to find: {hits:,} of {asked.num_rows:,} labels stand among the facts of "
                f"their rows. Leave it out of the task's `inputs`, or leave these facts out with `where`."
            )
            yield Finding("WARN", "graph", table, column, text)


def _sees(task: Task, name: str, table: str) -> bool:
    return task.inputs is None or name in task.inputs or table in task.inputs


def _split(table: str, column: str, keys: FactKeys, facts: Longs, part: npt.NDArray[np.uint8], same: bool) -> Finding:
    """Count the test facts that training holds as they are, or turned round."""
    test, train = facts[part == 3], facts[part == 1]
    told = {tuple(fact) for fact in train.tolist()}
    found = sum(tuple(fact) in told for fact in test.tolist())
    turned = sum((tail, kind, head) in told for head, kind, tail in test.tolist()) if same else 0
    text = f"a task predicts `{keys.table}`, so only facts of its training part are known, and never the example's own"
    if max(found, turned) > _OFTEN * max(len(test), 1):
        text = (
            f"{found:,} of {len(test):,} test facts stand in the training part as well, {turned:,} do turned round: those "
            f"are found without any knowledge, so figures will be too good. Keep one direction, or put both into one part "
            f"with `split: {{by: column}}`."
        )
        return Finding("WARN", "graph", table, column, text)
    return Finding("PASS", "graph", table, column, text)
