"""Prepared tables with rows behind their own: what came after training, read through the same plan."""

from dataclasses import replace

import pyarrow as pa
import torch
from torch import Tensor

from plait.data.columns import Columns, Prepared
from plait.data.graph import Edges
from plait.data.text.words import Words

__all__ = ["extended"]


def extended(prepared: Prepared, table: str, more: Columns, rows: pa.Table) -> Prepared:
    """Return the same tables with rows behind those of one; nothing refers to them yet, and no fact is known of them.

    Args:
        prepared: the tables.
        table: which one grows.
        more: the new rows, as `plait.data.apply` packs them.
        rows: the same rows as they came.
    """
    known = prepared.tables[table]
    count = more.matrix.shape[0] - 1
    grown = replace(
        known,
        matrix=torch.cat([known.matrix, more.matrix[1:]]),
        vectors={name: torch.cat([vector, more.vectors[name][1:]]) for name, vector in known.vectors.items()},
        part=torch.cat([known.part, more.part[1:]]),
        words={name: _behind(kept, more.words[name]) for name, kept in known.words.items()},
    )
    graphs = {
        name: _without_facts(edges, count) if name.partition(".")[0] == table else edges
        for name, edges in prepared.graphs.items()
    }
    outside = {table: _outside(prepared, table, rows)} if table in prepared.plan.ids else {}
    return replace(prepared, tables={**prepared.tables, table: grown}, graphs=graphs, _outside=outside)


def _behind(known: Words, more: Words) -> Words:
    """Lay texts behind others; text 0, which is not there, stays one."""
    texts = known.keys.shape[0] - 1
    return Words(
        ids=torch.cat([known.ids, more.ids]),
        starts=torch.cat([known.starts, known.starts[-1] + more.starts[2:]]),
        keys=torch.cat([known.keys, more.keys[1:]]),
        places=torch.cat([known.places, _moved(more.places[1:], texts)]),
    )


def _moved(places: Tensor, texts: int) -> Tensor:
    return torch.where(places > 0, places + texts, places)


def _without_facts(edges: Edges, count: int) -> Edges:
    return replace(edges, starts=torch.cat([edges.starts, edges.starts[-1:].expand(count)]))


def _outside(prepared: Prepared, table: str, rows: pa.Table) -> pa.Table:
    """Return the outside values of all rows; a column that the new ones do not have is NULL."""
    kept = prepared.every(table)
    columns = [
        rows[name].cast(kept.schema.field(name).type) if name in rows.column_names else pa.nulls(len(rows), field.type)
        for name, field in zip(kept.column_names, kept.schema, strict=True)
    ]
    return pa.concat_tables([kept, pa.table(columns, schema=kept.schema)])
