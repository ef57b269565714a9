"""Tokens of texts in a prepared folder: ids as they lie in memory, texts beside them; mapped when there are many."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from plait.data.files import file_name, read_parquet, room, write_parquet
from plait.data.text.words import Words
from plait.data.values import flat
from plait.errors import CorruptError

__all__ = ["load_words", "save_words"]

_MAPPED: Final = 1 << 28
"""A file of more bytes is mapped instead of read."""


def save_words(name: str, words: Words, folder: Path) -> None:
    """Write the distinct texts of one feature; which row holds which stands with the table's other columns.

    Raises:
        PlaitError: if the disk is full.
    """
    place = folder / "words" / file_name(name)
    place.mkdir(parents=True, exist_ok=True)
    lengths = words.starts[1:] - words.starts[:-1]
    about = pa.table({"length": pa.array(lengths.numpy()), "key": pa.array(words.keys.numpy())})
    write_parquet(about, place / "texts.parquet")
    for stem, tensor in (("ids", words.ids), ("offsets", words.offsets)):
        if tensor is not None:
            with room(place), (place / f"{stem}.int32").open("wb") as file:
                tensor.numpy().tofile(file)


def load_words(name: str, places: Tensor, folder: Path) -> Words:
    """Read what `save_words` wrote; the caller has checked the folder against its manifest.

    Args:
        name: the feature.
        places: int32 [rows + 1], the number of each row's text.
        folder: the prepared folder.

    Raises:
        CorruptError: a file is missing, damaged, or of another size than it should be.
    """
    place = folder / "words" / file_name(name)
    texts = read_parquet(place / "texts.parquet")
    starts = np.append(np.int64(0), flat(texts.column("length")).to_numpy()).cumsum()
    total = int(starts[-1])
    offsets = place / "offsets.int32"
    return Words(
        _flat(place / "ids.int32", total),
        torch.from_numpy(starts),
        torch.from_numpy(np.array(flat(texts.column("key")).to_numpy())),
        places,
        _flat(offsets, 2 * total).view(-1, 2) if offsets.exists() else None,
    )


def _flat(path: Path, size: int) -> Tensor:
    """Read or map that many int32 numbers."""
    found = path.stat().st_size if path.is_file() else -1
    if found != 4 * size:
        raise CorruptError(f"{path} should have {4 * size} bytes. Found {max(found, 0)}. Prepare again.")
    if found > _MAPPED:
        return torch.from_numpy(np.asarray(np.memmap(path, np.int32, "c")))
    return torch.from_numpy(np.fromfile(path, np.int32))
