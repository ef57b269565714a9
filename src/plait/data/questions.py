"""Which examples of a retrieval task ask the same, so that each other's right answers do not count against them."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from jaxtyping import Int
from torch import Tensor

from plait.data.columns import Columns
from plait.data.engine import Engine
from plait.data.values import flat, texts

__all__ = ["Answers", "question_numbers"]

Longs = npt.NDArray[np.int64]


def question_numbers(engine: Engine, table: str, columns: Sequence[str], who: str) -> Longs:
    """Number the rows of a table by the values of some columns: the same values have the same number, in any table.

    Args:
        engine: reads the columns.
        table: the table.
        columns: that make up the question.
        who: asks, for messages.

    Returns:
        int64 [rows + 1]: a hash of the values, 0 for row 0 and where one of them is NULL.
    """
    for column in columns:
        engine.need(table, column, who)
    parts = [texts(flat(engine.column(table, column))) for column in columns]
    joined = pc.binary_join_element_wise(*[part.cast(pa.string()) for part in parts], "\x1f").dictionary_encode()
    hashes = [_hashed(text) for text in joined.dictionary.to_pylist()]
    places = joined.indices.fill_null(len(hashes)).to_numpy(zero_copy_only=False)
    return np.append(np.int64(0), np.array([*hashes, 0], dtype=np.int64)[places])


def _hashed(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@final
class Answers:
    """The right answers of every question that the rows of a table are known to have, whichever part they are in.

    Args:
        columns: the table, with the task's questions and labels.
        task: the task.
        answers: int64 [rows + 1], row number of each row's answer.
    """

    def __init__(self, columns: Columns, task: str, answers: Int[Tensor, " rows"]) -> None:
        questions = columns.questions[task]
        there = (questions != 0) & (answers > 0) & ~columns.labels[task][:, 0].isnan()
        pairs = torch.unique(torch.stack([questions[there], answers[there]], dim=1), dim=0)
        self._questions, self._answers = pairs[:, 0].contiguous(), pairs[:, 1].contiguous()

    def others(self, questions: Int[Tensor, " B"], own: Int[Tensor, " B"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
        """Return the other right answers to some questions: which question each belongs to, by place, and its row number."""
        start = torch.searchsorted(self._questions, questions)
        count = torch.searchsorted(self._questions, questions, right=True) - start
        which = torch.repeat_interleave(torch.arange(len(questions)), count)
        inside = torch.arange(len(which)) - (count.cumsum(0) - count)[which]
        found = self._answers[start[which] + inside]
        other = found != own[which]
        return which[other], found[other]
