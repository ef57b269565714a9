"""What all checks of a recipe look at: its tables as opened, its features as they will be read, its labels as evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.check.finding import rows_of
from plait.data.engine import Engine
from plait.data.expressions import quote
from plait.schema import Feature, Graph, History, Schema

__all__ = ["Context", "Observed"]

_WIDE = 5


@final
@dataclass(frozen=True, slots=True)
class Observed:
    """A label as evaluated.

    Attributes:
        values: what the expression gave, a value per row; a list per row for multilabel.
        known: rows inside the sample space whose label is not NULL.
        columns: the columns that the expression names.
    """

    values: pa.Array
    known: npt.NDArray[np.bool_]
    columns: list[str]


@final
@dataclass(slots=True)
class Context:
    """An opened recipe.

    Attributes:
        schema: the recipe's schema.
        engine: where the readable tables are open.
        tables: the tables that could be opened.
        features: `table.column` -> feature, those the recipe does not name included; only columns that exist,
            and what is made of several.
        labels: task -> its label; only labels that can be learned, rows outside their kind left out.
        parts: table of examples -> 0 none, 1 train, 2 valid, 3 test per row; only where the split can be made.
        kept: columns read so far.
        room: how many more bytes of columns are kept.
        base: the folder that sources are relative to.
    """

    schema: Schema
    engine: Engine
    tables: list[str] = field(default_factory=list)
    features: dict[str, Feature] = field(default_factory=dict)
    labels: dict[str, Observed] = field(default_factory=dict)
    parts: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
    kept: dict[tuple[str, str], pa.ChunkedArray] = field(default_factory=dict)
    room: int = 512 << 20
    base: Path = Path()

    def read_tables(self) -> list[str]:
        """Return the tables that have a source of their own."""
        return [name for name in self.tables if self.schema.tables[name].of is None]

    def columns(self, table: str) -> dict[str, pa.DataType]:
        """Return the columns of a table, none where it could not be opened."""
        return self.engine.columns(table) if table in self.tables else {}

    def column(self, table: str, column: str) -> pa.ChunkedArray:
        """Read a column; what was read is kept for the checks that follow, as far as there is room."""
        place = (table, column)
        if place not in self.kept:
            values = self.engine.column(table, column)
            if self.room < values.nbytes:
                return values
            self.room -= values.nbytes
            self.kept[place] = values
        return self.kept[place]

    def features_of(self, table: str) -> dict[str, Feature]:
        """Return the features of a table's own columns by column name."""
        own = self.columns(table)
        parts = ((place.partition("."), feature) for place, feature in self.features.items())
        named = {column: feature for (owner, _, column), feature in parts if owner == table}
        return {column: f for column, f in named.items() if column in own and not isinstance(f, History | Graph)}

    def examples(self, table: str, condition: str, column: str) -> list[dict[str, object]]:
        """Return up to three rows that meet a condition: their number, their id, the column and a few others."""
        known = list(self.columns(table))
        wanted = [c for c in (self.schema.tables[table].id, column, *self.schema.tables[table].keys, *known) if c in known]
        return rows_of(self.engine.examples(table, condition, 3, list(dict.fromkeys(wanted))[:_WIDE]))

    @staticmethod
    def quote(column: str) -> str:
        """Quote a column for a condition."""
        return quote(column)
