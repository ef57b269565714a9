"""Texts made of several: each part reached along keys, all of them put together with a mark between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from plait.data.columns import Prepared
from plait.data.engine import Engine
from plait.data.relations import Relations
from plait.data.values import flat, texts
from plait.errors import RecipeError
from plait.schema import JOINT, Feature, Place, Schema, Text, places_of

__all__ = ["joint_columns", "joint_texts", "need_parts", "reached", "reached_from_outside"]

Reach = Callable[[Place], "pa.Array | pa.ChunkedArray"]
_NO_MARK: Final = " "


def joint_texts(schema: Schema, features: Mapping[str, Feature], reach: Reach) -> dict[str, pa.Array]:
    """Put the parts of every text that is made of several together; a part that is missing is empty.

    Args:
        schema: the schema.
        features: the features of one table.
        reach: gives a column as the table's rows reach it.
    """
    found = {}
    for name, feature in features.items():
        if isinstance(feature, Text) and feature.of is not None:
            parts = [texts(flat(reach(place))).fill_null("") for place in _places(schema, name)]
            clean = [pc.utf8_trim_whitespace(pc.replace_substring(part, JOINT, _NO_MARK)) for part in parts]
            found[name] = pc.binary_join_element_wise(*clean, JOINT)
    return found


def need_parts(engine: Engine, schema: Schema, name: str) -> None:
    """Check that the columns a text is made of exist.

    Raises:
        RecipeError: one of them does not, or no key leads to it.
    """
    for place in _places(schema, name):
        engine.need(place.table, place.column, f"Feature `{name}`")


def joint_columns(schema: Schema, table: str) -> set[str]:
    """List the columns of a table that texts made of several reach along keys."""
    made = [n for n, f in schema.features.items() if isinstance(f, Text) and f.of is not None]
    return {place.column for name in made for place in _places(schema, name) if place.table == table and place.keys}


def reached(engine: Engine, relations: Relations, schema: Schema, table: str, place: Place) -> pa.Array | pa.ChunkedArray:
    """Return a column as a table's rows reach it, in preparation."""
    column = engine.column(place.table, place.column)
    return _take(column, relations.follow(table, list(place.keys), schema)) if place.keys else column


def reached_from_outside(
    engine: Engine, prepared: Prepared, table: str, keys: Mapping[str, npt.NDArray[np.int32]], place: Place
) -> pa.Array | pa.ChunkedArray:
    """Return a column as rows from outside reach it: their own, or as it was kept of a prepared table."""
    if not place.keys:
        engine.need(table, place.column, f"A text of table `{table}`")
        return engine.column(table, place.column)
    rows, owner = torch.from_numpy(keys[place.keys[0]]).long(), prepared.layout.tables[table].targets[place.keys[0]]
    for key in place.keys[1:]:
        layout = prepared.layout.tables[owner]
        rows, owner = prepared.tables[owner].matrix[:, layout.keys[key]].index_select(0, rows).long(), layout.targets[key]
    return prepared.raw(owner, rows).column(place.column)


def _places(schema: Schema, name: str) -> list[Place]:
    feature = schema.features[name]
    assert isinstance(feature, Text) and feature.of is not None
    try:
        return places_of(schema.tables, name, feature.of)
    except ValueError as error:
        raise RecipeError(str(error)) from None


def _take(column: pa.ChunkedArray | pa.Array, rows: npt.NDArray[np.int32]) -> pa.Array:
    return flat(column).take(pa.array(rows.astype(np.int64) - 1, mask=rows < 1))
