"""One table's columns: fitted on the training part, laid out in slots, texts and given vectors beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.engine import Engine
from plait.data.media.features import medium_of
from plait.data.media.medium import MediaEncoders
from plait.data.media.vectors import encode_media
from plait.data.scratch import Scratch
from plait.data.slots import Fitted, Seen, Slotted, encode_feature, fit_feature
from plait.data.text.vectors import TextEncoder, encode_texts
from plait.data.text.words import TokenReader, Words, read_words
from plait.data.values import flat
from plait.data.vectors import given_vectors
from plait.errors import RecipeError
from plait.layout import FeatureLayout, TableLayout
from plait.progress import Tell
from plait.schema import Audio, Category, Embedding, Feature, Id, Image, Number, Text, Time

__all__ = ["Packing", "fit_table", "lay_out", "vectors", "words"]

Ints = npt.NDArray[np.int32]
_THREADS: Final = min(4, os.cpu_count() or 1)


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
    scratch: Scratch | None = None
    """Encoded columns of a table that fits into memory."""
    joint: dict[str, pa.Array] = field(default_factory=dict)
    """Text made of several -> its parts put together."""
    folder: Path | None = None
    """What relative paths of pictures and sounds start from; None where no file may be read."""
    shapes: dict[str, list[int]] = field(default_factory=dict)
    """Feature -> the shape of its vector, where the model reads it as more than a list of numbers."""
    notes: list[str] = field(default_factory=list)
    """What a person should know of the table's pictures and sounds."""

    def column(self, engine: Engine, name: str) -> pa.Array | pa.ChunkedArray:
        """Read the column of a feature, or what several were put together to."""
        return self.joint[name] if name in self.joint else engine.column(self.name, name.partition(".")[2])

    @property
    def slotted(self) -> dict[str, Slotted]:
        """The features that have packed slots."""
        return {n: f for n, f in self.features.items() if isinstance(f, Id | Category | Number | Time)}


def fit_table(engine: Engine, packing: Packing, seen: Callable[[Slotted], Seen], tell: Tell | None) -> None:
    """Fit every slotted feature, a few columns at a time, and encode them while they are in memory, if there is a scratch.

    Args:
        engine: reads the columns.
        packing: its `fitted` and its scratch are filled.
        seen: which rows training sees, by feature.
        tell: reports progress.
    """
    slotted = packing.slotted

    def one(name: str) -> Fitted:
        feature = slotted[name]
        coded = isinstance(feature, Id | Category)
        column = flat(engine.column(packing.name, name.partition(".")[2], dictionary=coded))
        fitted = fit_feature(name, feature, column, seen(feature))
        if packing.scratch is not None:
            packing.scratch.put(name, fitted.width, _encoder(name, feature, fitted, column))
        return fitted

    with ThreadPoolExecutor(_THREADS) as pool:
        for done, (name, fitted) in enumerate(zip(slotted, pool.map(one, slotted), strict=True), 1):
            packing.fitted[name] = fitted
            if tell is not None:
                tell(f"columns of {packing.name}", done, len(slotted))


def _encoder(name: str, feature: Slotted, fitted: Fitted, column: pa.Array) -> Callable[[int, int], Ints]:
    """Encode a column piece by piece, or whole where a piece would cost a look at the whole vocabulary."""
    if isinstance(feature, Id | Category):
        whole = encode_feature(name, feature, fitted, column)
        return lambda start, end: whole[:, start:end]
    return lambda start, end: encode_feature(name, feature, fitted, column.slice(start, end - start))


def lay_out(
    packing: Packing, rows: int, targets: Mapping[str, str], dims: Mapping[str, int], kept: Collection[str] = ()
) -> TableLayout:
    """Decide which slot holds what.

    Args:
        packing: with everything fitted.
        rows: rows of the table.
        targets: key -> table it points at.
        dims: feature with a vector -> its length.
        kept: text features whose tokens are kept.
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
            update = {"dim": dims[name], "tokens": name in kept, "shape": packing.shapes.get(name, [])}
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


def vectors(
    packing: Packing,
    engine: Engine,
    encoder: TextEncoder | TokenReader | None,
    media: MediaEncoders | None,
    cache: Path | None,
    dims: Mapping[str, int],
    tell: Tell | None = None,
) -> dict[str, npt.NDArray[np.float16]]:
    """Read or encode the vectors of text, picture, sound and embedding features; none of texts whose tokens are kept.

    Args:
        packing: the table; its `notes` gain what could not be read.
        engine: reads the columns.
        encoder: reads texts.
        media: reads pictures and sounds.
        cache: folder that keeps what was encoded.
        dims: the lengths that are already decided.
        tell: reports progress.

    Returns:
        Feature -> float16 [rows + 1, dim]; row 0 is zeros.

    Raises:
        RecipeError: if a text, picture or sound is to be read and there is no encoder.
    """
    result = {}
    for name, feature in packing.features.items():
        if not isinstance(feature, Text | Image | Audio | Embedding):
            continue
        if isinstance(feature, Text) and isinstance(encoder, TokenReader):
            continue
        column = packing.column(engine, name)
        if isinstance(feature, Image | Audio):
            medium = medium_of(name, feature, media)
            seen = encode_media(name, column, medium, packing.folder, cache, tell)
            found = seen.vectors
            packing.shapes[name] = medium.shape
            if seen.failures.failed:
                packing.notes.append(f"`{name}`: {seen.failures.say(medium.word)}")
        elif isinstance(feature, Embedding):
            found = given_vectors(name, column, dims.get(name))
        elif encoder is None:
            raise RecipeError(f"Feature `{name}` is text and needs an encoder. Pass one as `texts`, or read it as category.")
        else:
            assert isinstance(encoder, TextEncoder)
            found = encode_texts(name, column, encoder, cache, tell)
        result[name] = np.concatenate([np.zeros((1, found.shape[1]), np.float16), found])
    return result


def words(
    packing: Packing,
    engine: Engine,
    reader: TextEncoder | TokenReader | None,
    offsets: Collection[str] = (),
    tell: Tell | None = None,
) -> dict[str, Words]:
    """Read the tokens of text features, where a tokenizer reads them.

    Args:
        packing: the table.
        engine: reads the columns.
        reader: reads texts.
        offsets: the features of which it is kept where each token stands.
        tell: reports progress.
    """
    if not isinstance(reader, TokenReader):
        return {}
    return {
        name: read_words(name, packing.column(engine, name), reader, name in offsets, tell)
        for name, feature in packing.features.items()
        if isinstance(feature, Text)
    }
