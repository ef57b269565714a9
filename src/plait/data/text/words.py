"""Texts as tokens, for encoders that are trained: each distinct text once, which one each row holds, and those of a batch.

A text's *key* is a hash of its tokens (0 for no text), so that equal texts are known as equal across rows, features, tables
and rows from outside. Tokens stay on the host: an encoder sorts and cuts them there, and moves what it reads.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, final, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from jaxtyping import Int
from torch import Tensor

from plait.data.text.once import each_once
from plait.progress import Tell

__all__ = ["TokenReader", "Tokens", "Words", "concat", "distinct", "read_words"]

_AT_ONCE: Final = 1 << 15


@runtime_checkable
class TokenReader(Protocol):
    """Turns texts into tokens; `plait.encode.text` has the one of pretrained models."""

    @property
    def dim(self) -> int:
        """Length of the vector that the encoder makes of a text."""

    @property
    def fingerprint(self) -> str:
        """What identifies the tokenizer and its settings: equal fingerprints give equal tokens."""

    def read(
        self, texts: list[str], offsets: bool = False
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int32] | None]:
        """Read texts.

        Args:
            texts: not blank.
            offsets: whether to say where each token stands in its text.

        Returns:
            The tokens of all texts one behind another, how many each text has, and where asked [tokens, 2] the first
            character of each token and the one after its last; equal where a token stands for nothing in the text.
        """


@final
@dataclass(frozen=True, slots=True)
class Tokens:
    """Some distinct texts, each once, on the host."""

    keys: Int[Tensor, " U"]
    """int64, ascending; 0 is the text that is not there, of no tokens."""
    ids: Int[Tensor, " tokens"]
    """int32: the tokens of all texts one behind another."""
    lengths: Int[Tensor, " U"]
    """int64: how many tokens each text has."""

    @property
    def starts(self) -> Int[Tensor, " U"]:
        """Where each text's tokens start among `ids`."""
        return self.lengths.cumsum(0) - self.lengths

    def places(self, numbers: Int[Tensor, " V"]) -> Int[Tensor, " tokens"]:
        """Return where the tokens of some of the texts stand, in the order asked for."""
        return _spread(self.starts.index_select(0, numbers), self.lengths.index_select(0, numbers))

    def take(self, numbers: Int[Tensor, " V"]) -> "Tokens":
        """Return some of the texts, in the order asked for."""
        lengths = self.lengths.index_select(0, numbers)
        return Tokens(self.keys.index_select(0, numbers), self.ids.index_select(0, self.places(numbers)), lengths)


@final
@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one feature of a prepared table."""

    ids: Int[Tensor, " tokens"]
    """int32: the tokens of all distinct texts one behind another, in memory or memory-mapped."""
    starts: Int[Tensor, " bounds"]
    """int64 [texts + 2]: text n has the tokens `starts[n] .. starts[n + 1]`; text 0 is the one that is not there."""
    keys: Int[Tensor, " texts"]
    """int64 [texts + 1]: see the module; 0 also for a text of which the tokenizer makes nothing."""
    places: Int[Tensor, " rows"]
    """int32 [rows + 1]: the number of each row's text, 0 where it has none."""
    offsets: Int[Tensor, "_ 2"] | None = None
    """int32 [tokens, 2], where a task asks for it: first character of each token in its trimmed text, and the one after its
    last."""

    def numbers(self, rows: Int[Tensor, " B"]) -> tuple[Int[Tensor, " U"], Int[Tensor, " B"]]:
        """Return the distinct text numbers of some rows, ascending, and each row's place among them."""
        found = self.places.index_select(0, rows)
        distinct, places = torch.unique(found, return_inverse=True)
        return distinct.long(), places

    def tokens(self, numbers: Int[Tensor, " U"]) -> Tokens:
        """Return texts by their numbers, in the order asked for."""
        starts = self.starts.index_select(0, numbers)
        lengths = self.starts.index_select(0, numbers + 1) - starts
        return Tokens(self.keys.index_select(0, numbers), self.ids.index_select(0, _spread(starts, lengths)), lengths)

    def without_rows(self, rows: int) -> "Words":
        """Return the same texts for `rows` new rows, none of which has a text."""
        return Words(self.ids, self.starts, self.keys, self.places.new_zeros(rows + 1), self.offsets)


def distinct(parts: Sequence[Tokens]) -> tuple[Tokens, list[Int[Tensor, "_"]]]:
    """Return the distinct texts of several collections, keys ascending, and for each collection where its texts are."""
    joined = concat(parts)
    keys, places = torch.unique(joined.keys, return_inverse=True)
    first = torch.full((keys.shape[0],), joined.keys.shape[0], dtype=torch.int64)
    first.scatter_reduce_(0, places, torch.arange(joined.keys.shape[0]), "amin")
    return joined.take(first), list(places.split([part.keys.shape[0] for part in parts]))


def concat(parts: Sequence[Tokens]) -> Tokens:
    """Lay several collections of texts one behind another; texts may then stand twice."""
    if len(parts) == 1:
        return parts[0]
    none = torch.empty(0, dtype=torch.int64)
    return Tokens(
        torch.cat([none, *(part.keys for part in parts)]),
        torch.cat([none.int(), *(part.ids for part in parts)]),
        torch.cat([none, *(part.lengths for part in parts)]),
    )


def read_words(
    name: str, column: pa.Array | pa.ChunkedArray, reader: TokenReader, offsets: bool = False, tell: Tell | None = None
) -> Words:
    """Read a column of texts as tokens, each distinct text once; NULL and blank texts are text 0.

    Args:
        name: `table.column`, for messages.
        column: the texts.
        reader: the tokenizer.
        offsets: whether to keep where each token stands in its text.
        tell: reports progress.

    Raises:
        DataError: if the column holds no text.
    """
    unique, of_rows = each_once(name, column)
    asked = [i for i, text in enumerate(unique) if text]
    ids, lengths, spans = [np.empty(0, np.int32)], [np.zeros(1, np.int64)], [np.empty((0, 2), np.int32)]
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        found = reader.read([unique[i] for i in some], offsets)
        ids.append(found[0])
        lengths.append(found[1])
        if found[2] is not None:
            spans.append(found[2])
        if tell is not None:
            tell(f"tokens of {name}", start + len(some), len(asked))
    numbers = np.zeros(len(unique) + 1, np.int32)
    numbers[asked] = np.arange(1, len(asked) + 1)
    starts = np.append(np.int64(0), np.concatenate(lengths)).cumsum()
    tokens = np.concatenate(ids)
    return Words(
        torch.from_numpy(tokens),
        torch.from_numpy(starts),
        torch.from_numpy(_keys(tokens, starts)),
        torch.from_numpy(np.append(np.int32(0), numbers[of_rows])),
        torch.from_numpy(np.concatenate(spans)) if offsets else None,
    )


def _keys(ids: npt.NDArray[np.int32], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Hash each text's tokens to a number above 0; among a hundred million texts two share one with chance 1 in 1,800."""
    keys = np.zeros(len(starts) - 1, np.int64)
    ends = starts.tolist()
    data = memoryview(ids.tobytes())
    for number in range(1, len(keys)):
        text = data[4 * ends[number] : 4 * ends[number + 1]]
        if len(text):
            keys[number] = (int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1) or 1
    return keys


def _spread(starts: Int[Tensor, " U"], lengths: Int[Tensor, " U"]) -> Int[Tensor, " tokens"]:
    """Return `starts[u] .. starts[u] + lengths[u]` for all u, one behind another."""
    before = lengths.cumsum(0) - lengths
    total = int(lengths.sum())
    return torch.repeat_interleave(starts - before, lengths, output_size=total) + torch.arange(total)
