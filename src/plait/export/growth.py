"""Items that came after training, behind the others: read by the code that read those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from plait.data.apply import apply
from plait.data.extend import extended
from plait.errors import DataError

if TYPE_CHECKING:
    from plait.data.columns import Prepared
    from plait.data.room import Room
    from plait.run.run import Run

__all__ = ["grown"]


def grown(run: Run, prepared: Prepared, table: str, rows: pa.Table, room: Room) -> tuple[Prepared, list[int]]:
    """Return the tables with rows added to one, and the numbers of these rows.

    Args:
        run: the run.
        prepared: its tables, with the rows that were added so far.
        table: the table that grows.
        rows: the new rows.
        room: where these tables grow.

    Raises:
        DataError: a column is missing or holds something else, or a row with the same id is there already.
    """
    _refuse_known(prepared, table, rows)
    more = apply(run.prepared, table, rows, run.texts, run.media)
    first = prepared.tables[table].matrix.shape[0]
    return extended(prepared, table, more, rows, room), list(range(first, first + rows.num_rows))


def _refuse_known(prepared: Prepared, table: str, rows: pa.Table) -> None:
    plan = prepared.plan
    if table not in plan.ids or plan.id_column(table) not in rows.column_names:
        return
    column = plan.id_column(table)
    ids = [str(value) for value in rows[column].to_pylist()]
    # As texts, as ids are compared everywhere; among all rows by column, for there may be millions.
    there = pc.is_in(prepared.every(table)[column].cast(pa.string()), pa.array(ids, pa.string()))
    known = {str(value) for value in prepared.every(table)[column].filter(there).to_pylist()}
    twice = [name for number, name in enumerate(ids) if name in known or name in ids[:number]]
    if twice:
        raise DataError(
            f"New rows of `{table}` should have ids of their own, since a row is found by its id. "
            f"Found {len(twice)} that are there already, such as `{twice[0]}`. Leave them out."
        )
