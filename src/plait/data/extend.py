"""Prepared tables with rows behind their own: what came after training, read through the same plan."""

from dataclasses import replace
from typing import Final

import pyarrow as pa
import torch
from torch import Tensor

from plait.data.columns import Columns, Prepared
from plait.data.graph import Edges
from plait.data.room import Room
from plait.data.text.words import Words

__all__ = ["extended"]

_PIECES: Final = 256


def extended(prepared: Prepared, table: str, more: Columns, rows: pa.Table, room: Room) -> Prepared:
    """Return the same tables with rows behind those of one; nothing refers to them yet, and no fact is known of them.

    Args:
        prepared: the tables.
        table: which one grows.
        more: the new rows, as `plait.data.apply` packs them.
        rows: the same rows as they came.
        room: where these tables grow.
    """
    known = prepared.tables[table]
    count = more.matrix.shape[0] - 1
    grown = replace(
        known,
        matrix=room.behind("matrix", known.matrix, more.matrix[1:]),
        vectors={name: room.behind(f"vector {name}", v, more.vectors[name][1:]) for name, v in known.vectors.items()},
        part=room.behind("part", known.part, more.part[1:]),
        words={name: _behind(name, kept, more.words[name], room) for name, kept in known.words.items()},
    )
    graphs = {
        name: _without_facts(edges, count) if name.partition(".")[0] == table else edges
        for name, edges in prepared.graphs.items()
    }
    outside = {table: _outside(prepared, table, rows)} if table in prepared.plan.ids else {}
    return replace(prepared, tables={**prepared.tables, table: grown}, graphs=graphs, _outside=outside)


def _behind(name: str, known: Words, more: Words, room: Room) -> Words:
    """Lay texts behind others; text 0, which is not there, stays one."""
    texts = known.keys.shape[0] - 1
    return Words(
        ids=room.behind(f"ids {name}", known.ids, more.ids),
        starts=room.behind(f"starts {name}", known.starts, known.starts[-1] + more.starts[2:]),
        keys=room.behind(f"keys {name}", known.keys, more.keys[1:]),
        places=room.behind(f"places {name}", known.places, _moved(more.places[1:], texts)),
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
    joined = pa.concat_tables([kept, pa.table(columns, schema=kept.schema)])
    # Each addition is a piece of its own; many small pieces make every look slow.
    return joined.combine_chunks() if joined.column(0).num_chunks > _PIECES else joined
