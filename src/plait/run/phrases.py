"""First and last tokens → the phrases of a text, as a person reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from plait.data.text.words import Words
from plait.data.values import flat, texts

if TYPE_CHECKING:
    from plait.encode.text.tokens import TextTokens

__all__ = ["Cut", "cut_out", "phrase_columns", "spelled"]

Longs = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True)
class Cut:
    """The phrases found in some texts, in order of rows and places.

    Attributes:
        row: which text, from 0.
        start: the first character.
        end: the character after the last.
        chance: how sure the model is.
    """

    row: Longs
    start: Longs
    end: Longs
    chance: npt.NDArray[np.float64]


def cut_out(output: Tensor, words: Words, rows: Tensor) -> Cut:
    """Turn what a head marked into places in the texts, blanks before them not counted.

    Args:
        output: first token, last token and chance of each phrase, `[n, 3 * most]`, padded with -1.
        words: the texts, with the places of their tokens.
        rows: whose texts these are, row numbers.
    """
    assert words.offsets is not None
    found = output.double().reshape(len(rows), output.shape[1] // 3, 3)
    row, slot = torch.nonzero(found[:, :, 0] >= 0, as_tuple=True)
    first, last, chance = found[row, slot].T
    base = words.starts[words.places.index_select(0, rows.index_select(0, row)).long()]
    offsets = words.offsets
    start, end = offsets[base + first.long(), 0], offsets[base + last.long(), 1]
    return Cut(row.numpy(), start.long().numpy(), end.long().numpy(), chance.numpy())


def phrase_columns(task: str, cut: Cut, column: pa.Array | pa.ChunkedArray) -> dict[str, pa.Array]:
    """Write the phrases of each text as lists: `task`, beside it chances and places in characters.

    Args:
        task: name of the task.
        cut: its phrases.
        column: the texts as they came.
    """
    values = texts(flat(column)).fill_null("")
    blank = (pc.utf8_length(values).to_numpy() - pc.utf8_length(pc.utf8_ltrim_whitespace(values)).to_numpy()).astype(
        np.int64
    )
    start, end = cut.start + blank[cut.row], cut.end + blank[cut.row]
    whole = values.to_pylist()
    cells = zip(cut.row.tolist(), start.tolist(), end.tolist(), strict=True)
    ends = np.concatenate([[0], np.bincount(cut.row, minlength=len(values)).cumsum()]).astype(np.int32)

    def listed(inner: pa.Array) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(ends), inner)

    return {
        task: listed(pa.array([whole[row][first:last] for row, first, last in cells], pa.string())),
        f"{task}.chance": listed(pa.array(cut.chance.astype(np.float32))),
        f"{task}.start": listed(pa.array(start)),
        f"{task}.end": listed(pa.array(end)),
    }


def spelled(pairs: Tensor, words: Words, row: int, reader: TextTokens) -> list[str]:
    """Spell the phrases of one row whose text is not at hand, as the tokenizer writes its tokens.

    Args:
        pairs: first and last token of each, `[S, 2]`; -1 or NaN where there is none.
        words: the texts.
        row: the row.
        reader: knows how tokens are written.
    """
    start = int(words.starts[int(words.places[row])])
    there = pairs[pairs[:, 0] >= 0].long().tolist()
    return [reader.spell(words.ids[start + first : start + last + 1].tolist()) for first, last in there]
