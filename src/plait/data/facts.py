"""Graph features in preparation: facts read, their kinds numbered, lists laid out, what is read of neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.engine import Engine
from plait.data.graph import Edges, fact_keys, lists
from plait.data.relations import Relations
from plait.data.seats import Seats
from plait.data.values import flat
from plait.data.vocabulary import Vocabulary, count
from plait.errors import RecipeError
from plait.layout import FeatureLayout
from plait.schema import Graph, Schema

__all__ = ["Facts", "kinds_of_facts", "knowledge", "read_facts"]

Parts = Mapping[str, npt.NDArray[np.uint8]]
Ints = npt.NDArray[np.int32]


@final
@dataclass(slots=True)
class Facts:
    """All graph features of a schema."""

    edges: dict[str, Edges] = field(default_factory=dict)
    layouts: dict[str, FeatureLayout] = field(default_factory=dict)
    kinds: dict[str, Vocabulary] = field(default_factory=dict)
    """Feature -> its kinds of fact."""
    relations: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """Graph table -> feature -> int32 [rows + 1], the number of each row's kind of fact."""
    notes: list[str] = field(default_factory=list)

    def features(self, table: str) -> list[FeatureLayout]:
        """List the graph features of a table."""
        return [layout for name, layout in self.layouts.items() if name.partition(".")[0] == table]


def knowledge(schema: Schema) -> set[str]:
    """List the tables that are read as facts and predicted by no task: all of their rows are known, whatever the split."""
    graphs = {n: f for n, f in schema.features.items() if isinstance(f, Graph)}
    told = {fact_keys(schema, name, graph).table for name, graph in graphs.items()}
    return told - {task.table for task in schema.tasks.values()}


def read_facts(
    engine: Engine, schema: Schema, seats: Seats, relations: Relations, parts: Parts, labels: Mapping[str, list[str]]
) -> Facts:
    """Read the facts of every graph feature that some task sees.

    Where a task predicts rows of the graph table, facts of its training part alone are known.

    Args:
        engine: reads the columns.
        schema: the schema.
        seats: says which features are seen.
        relations: keys as row numbers.
        parts: the split of every table.
        labels: task -> columns that its label names.
    """
    found = Facts()
    for name in seats.features:
        graph = schema.features[name]
        if not isinstance(graph, Graph):
            continue
        keys = fact_keys(schema, name, graph)
        rows = relations.rows[keys.table]
        counts = _condition(engine, name, keys.table, graph, rows)
        if any(task.table == keys.table for task in schema.tasks.values()):
            counts = counts & (parts[keys.table] == 1)
        kinds = np.zeros(rows, np.int32)
        if graph.relation is not None:
            column = _column(engine, name, keys.table, graph.relation)
            found.kinds[name] = count(column, None, 1)
            kinds = np.maximum(found.kinds[name].encode(column), 0)
        heads, tails = (relations.keys[keys.table][key] for key in (keys.head, keys.tail))
        owner = name.partition(".")[0]
        laid = lists(heads, tails, kinds, counts, relations.rows[owner], graph.most, (schema.seed, name))
        found.edges[name] = Edges(keys, *laid)
        found.relations.setdefault(keys.table, {})[name] = torch.from_numpy(np.append(np.int32(0), kinds))
        named = {f"{task.table}.{c}" for task_name, task in schema.tasks.items() for c in labels[task_name]}
        found.layouts[name] = FeatureLayout(
            name=name,
            kind="graph",
            target=keys.target,
            facts=keys.table,
            relations=1 + len(found.kinds.get(name, ())),
            unread=sorted(f for f in named if f.partition(".")[0] == keys.target and f in seats.features),
        )
        alone = float((laid[0][2:] == laid[0][1:-1]).double().mean()) if relations.rows[owner] else 0.0
        if alone > 0.5:
            found.notes.append(f"Graph `{name}`: nothing is known of {alone:.0%} of the rows of table `{owner}`.")
    return found


def kinds_of_facts(
    engine: Engine, schema: Schema, kinds: Mapping[str, Vocabulary], edges: Mapping[str, Edges], table: str
) -> dict[str, Tensor]:
    """Number the kinds of fact of rows from outside, for each graph feature that reads their table; 0 for unknown ones."""
    found = {}
    for name, known in edges.items():
        graph = schema.features[name]
        assert isinstance(graph, Graph)
        if known.keys.table != table:
            continue
        numbers = np.zeros(engine.count(table), np.int32)
        if graph.relation is not None and graph.relation in engine.columns(table):
            numbers = np.maximum(kinds[name].encode(flat(engine.column(table, graph.relation))), 0)
        found[name] = torch.from_numpy(np.append(np.int32(0), numbers))
    return found


def _condition(engine: Engine, name: str, table: str, graph: Graph, rows: int) -> npt.NDArray[np.bool_]:
    if graph.where is None:
        return np.ones(rows, dtype=np.bool_)
    who = f"`where` of graph `{name}`"
    found = engine.evaluate(table, {who: graph.where}).column(who)
    if not pa.types.is_boolean(found.type):
        raise RecipeError(
            f"{who}: `{graph.where}` on table `{table}` should be a condition, true or false. Found {found.type}."
        )
    return np.asarray(flat(found.fill_null(False)).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _column(engine: Engine, name: str, table: str, column: str) -> pa.Array:
    engine.need(table, column, f"`relation` of graph `{name}`")
    return flat(engine.column(table, column))
