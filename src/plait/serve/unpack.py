"""The values of a table without an `id` read back out of its packed rows: only rows with an id are kept as they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.columns import Columns
from plait.data.plan import Plan
from plait.data.statistics import NumberPlan
from plait.layout import FeatureLayout

__all__ = ["unpacked"]

_FEATURES: Final = 8


def unpacked(columns: Columns, plan: Plan, titles: Callable[[str], pa.Array | None]) -> pa.Table:
    """Return the keys and the first few features of all rows of a table.

    Numbers come back through the inverse of their transform, to about four digits; texts do not come back.

    Args:
        columns: the prepared table.
        plan: what preparation froze.
        titles: gives what the rows of another table are called, for keys; None where nobody knows.
    """
    layout = columns.layout
    matrix = columns.matrix[1:].numpy()
    found: dict[str, pa.Array] = {}
    for key, slot in layout.keys.items():
        names = titles(layout.targets[key])
        if names is not None and key in plan.schema.tables[layout.name].keys:
            rows = matrix[:, slot].astype(np.int64)
            found[key] = names.take(pa.array(np.maximum(rows - 1, 0), mask=rows < 1))
    for feature in layout.features[:_FEATURES]:
        values = _values(feature, matrix, layout.codes + len(layout.keys), plan)
        if values is not None:
            found[feature.name.partition(".")[2]] = values
    return pa.table(found) if found else pa.table({"row": pa.array(np.arange(1, len(matrix) + 1))})


def _values(feature: FeatureLayout, matrix: npt.NDArray[np.int32], numbers: int, plan: Plan) -> pa.Array | None:
    """Read one feature back; None for a kind that cannot be."""
    if feature.slots and feature.name in plan.codes:
        codes = matrix[:, feature.slots].astype(np.int64) - feature.first
        if len(feature.slots) == 1:
            return plan.codes[feature.name].decode(codes[:, 0])
        known = codes > 0
        offsets = np.append(0, known.sum(axis=1).cumsum()).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), plan.codes[feature.name].decode(codes[known]))
    if feature.kind == "number" and feature.name in plan.numbers:
        packed = np.ascontiguousarray(matrix[:, numbers + feature.numbers[0]]).view(np.float32)
        missing = np.zeros(len(packed), dtype=bool)
        if len(feature.numbers) > 1:
            missing = np.ascontiguousarray(matrix[:, numbers + feature.numbers[1]]).view(np.float32) > 0
        return pa.array(_inverse(plan.numbers[feature.name], packed.astype(np.float64)), mask=missing)
    return None


def _inverse(plan: NumberPlan, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Undo the transform of a number and round away what float32 added."""
    shaped = values * plan.std + plan.mean
    if plan.transform == "log":
        shaped = np.sign(shaped) * plan.scale * np.expm1(np.abs(shaped))
    elif plan.transform == "quantile":
        shaped = np.interp(shaped, plan.levels, plan.knots)
    with np.errstate(divide="ignore"):
        digits = 10.0 ** (4 - np.floor(np.log10(np.maximum(np.abs(shaped), 1e-30))))
    return np.round(shaped * digits) / digits
