"""One table's columns packed into its matrix: fit, lay out, encode; new rows go through the same `pack`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.engine import Engine
from plait.data.slots import Fitted, Slotted, assemble, encode_feature, fit_feature
from plait.data.texts import Tell, TextEncoder, encode_texts
from plait.data.values import flat
from plait.data.vectors import given_vectors
from plait.errors import RecipeError
from plait.layout import FeatureLayout, TableLayout
from plait.schema import Category, Embedding, Feature, Id, Number, Text, Time

__all__ = ["Packing", "fit_table", "lay_out", "pack", "vectors"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
_THREADS: Final = 2
_BATCH: Final = 1 << 17


@final
@dataclass(slots=True)
class Packing:
    """A table between reading and packing."""

    name: str
    features: dict[str, Feature]
    """Feature name -> how it is read, without histories."""
    keys: dict[str, Ints]
    """Key or group column -> row numbers."""
    fitted: dict[str, Fitted] = field(default_factory=dict)
    encoded: dict[str, Ints] = field(default_factory=dict)
    """Packed slots of a table that fits into memory."""

    @property
    def slotted(self) -> dict[str, Slotted]:
        """The features that have packed slots."""
        return {n: f for n, f in self.features.items() if isinstance(f, Id | Category | Number | Time)}


def fit_table(
    engine: Engine, packing: Packing, weights: Callable[[Slotted], Longs | None], encode: bool, tell: Tell | None
) -> None:
    """Fit every slotted feature, several columns at a time, and where asked encode it at once while it is in memory.

    Args:
        engine: reads the columns.
        packing: filled in place.
        weights: how often each row is seen in training, by feature.
        encode: whether to keep the encoded columns.
        tell: reports progress.
    """
    slotted = packing.slotted

    def one(name: str) -> tuple[Fitted, Ints | None]:
        feature = slotted[name]
        column = _read(engine, packing.name, name, feature)
        fitted = fit_feature(name, feature, column, weights(feature))
        return fitted, encode_feature(name, feature, fitted, column) if encode else None

    with ThreadPoolExecutor(_THREADS) as pool:
        for done, (name, (fitted, encoded)) in enumerate(zip(slotted, pool.map(one, slotted), strict=True), 1):
            packing.fitted[name] = fitted
            if encoded is not None:
                packing.encoded[name] = encoded
            if tell is not None:
                tell(f"columns of {packing.name}", done, len(slotted))


def lay_out(packing: Packing, rows: int, targets: Mapping[str, str], dims: Mapping[str, int]) -> TableLayout:
    """Decide which slot holds what.

    Args:
        packing: with everything fitted.
        rows: rows of the table.
        targets: key -> table it points at.
        dims: text or embedding feature -> length of its vector.
    """
    codes = sum(packing.fitted[n].width for n, f in packing.slotted.items() if isinstance(f, Id | Category))
    features, place, number, first = [], 0, 0, 1
    for name, feature in packing.features.items():
        layout = FeatureLayout(name=name, kind=feature.kind)
        if isinstance(feature, Id | Category):
            fitted = packing.fitted[name]
            assert fitted.vocabulary is not None
            size = len(fitted.vocabulary) + 1
            update: dict[str, object] = {"slots": list(range(place, place + fitted.width)), "first": first, "size": size}
            place, first = place + fitted.width, first + size
        elif isinstance(feature, Number | Time):
            fitted = packing.fitted[name]
            update = {"numbers": list(range(number, number + fitted.width))}
            if fitted.number is not None:
                update["edges"] = fitted.number.edges
            number += fitted.width
        else:
            update = {"dim": dims[name]}
        features.append(layout.model_copy(update=update))
    return TableLayout(
        name=packing.name,
        rows=rows,
        codes=codes,
        keys={key: codes + i for i, key in enumerate(packing.keys)},
        targets={key: targets[key] for key in packing.keys if key in targets},
        numbers=number,
        vocabulary=first,
        features=features,
    )


def pack(engine: Engine, packing: Packing, layout: TableLayout, file: Path | None, tell: Tell | None = None) -> Ints:
    """Fill the matrix of a table.

    Args:
        engine: reads the columns that are not encoded yet, in batches of rows.
        packing: the fitted features.
        layout: from `lay_out`.
        file: where to memory-map the matrix, or None to keep it in memory.
        tell: reports progress.

    Returns:
        int32 [rows + 1, width]; row 0 is what a row of NULLs would be.
    """
    shape = (layout.rows + 1, layout.codes + len(layout.keys) + layout.numbers)
    matrix: Ints = (
        np.empty(shape, np.int32) if file is None or not shape[1] else np.memmap(file, np.int32, "w+", shape=shape)
    )
    matrix[0] = _empty_row(packing, layout)
    slotted = packing.slotted
    if len(packing.encoded) == len(slotted):
        assemble(matrix[1:], _places(packing, layout, packing.encoded, 0, layout.rows))
        packing.encoded.clear()
        return matrix
    start = 0
    names = {name: name.partition(".")[2] for name in slotted}
    for batch in engine.batches(packing.name, list(dict.fromkeys(names.values())), _BATCH):
        end = start + batch.num_rows
        encoded = {
            name: encode_feature(name, feature, packing.fitted[name], batch.column(names[name]))
            for name, feature in slotted.items()
        }
        assemble(matrix[1 + start : 1 + end], _places(packing, layout, encoded, start, end))
        start = end
        if tell is not None:
            tell(f"rows of {packing.name}", start, layout.rows)
    return matrix


def vectors(
    packing: Packing,
    engine: Engine,
    encoder: TextEncoder | None,
    cache: Path | None,
    dims: Mapping[str, int],
    tell: Tell | None = None,
) -> dict[str, npt.NDArray[np.float16]]:
    """Read or encode the vectors of text and embedding features.

    Args:
        packing: the table.
        engine: reads the columns.
        encoder: reads texts.
        cache: folder that keeps encoded texts.
        dims: the lengths that are already decided.
        tell: reports progress.

    Returns:
        Feature -> float16 [rows + 1, dim]; row 0 is zeros.

    Raises:
        RecipeError: if a text is to be read and there is no encoder.
    """
    result = {}
    for name, feature in packing.features.items():
        if not isinstance(feature, Text | Embedding):
            continue
        column = engine.column(packing.name, name.partition(".")[2])
        if isinstance(feature, Embedding):
            found = given_vectors(name, column, dims.get(name))
        elif encoder is None:
            raise RecipeError(f"Feature `{name}` is text and needs an encoder. Pass one as `texts`, or read it as category.")
        else:
            found = encode_texts(column, encoder, cache, tell)
        result[name] = np.concatenate([np.zeros((1, found.shape[1]), np.float16), found])
    return result


def _read(engine: Engine, table: str, name: str, feature: Slotted) -> pa.Array:
    coded = isinstance(feature, Id | Category)
    return flat(engine.column(table, name.partition(".")[2], dictionary=coded))


def _places(
    packing: Packing, layout: TableLayout, encoded: Mapping[str, Ints], start: int, end: int
) -> list[tuple[int, Ints, int | None]]:
    """Say where each encoded column and key goes."""
    result: list[tuple[int, Ints, int | None]] = [
        (layout.keys[key], rows[None, start:end], None) for key, rows in packing.keys.items()
    ]
    numbers = layout.codes + len(layout.keys)
    for feature in layout.features:
        if feature.slots:
            result.append((feature.slots[0], encoded[feature.name], feature.first))
        elif feature.numbers:
            result.append((numbers + feature.numbers[0], encoded[feature.name], None))
    return result


def _empty_row(packing: Packing, layout: TableLayout) -> Ints:
    row = np.zeros(layout.codes + len(layout.keys) + layout.numbers, dtype=np.int32)
    numbers = row[layout.codes + len(layout.keys) :].view(np.float32)
    for feature in layout.features:
        plan = packing.fitted[feature.name].number if feature.numbers else None
        if plan is not None and plan.missing:
            numbers[feature.numbers[1]] = 1.0
    return row
