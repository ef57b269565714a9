"""Which items hold the words of a question: BM25 over their texts, as whole columns."""

import re
from collections.abc import Sequence
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Lexicon", "words"]

# A word, or a run of signs of a script that puts no blanks between words.
_WORD: Final = re.compile(r"([぀-ヿ㐀-鿿]+)|[^\W_぀-ヿ㐀-鿿]+")
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75


def words(text: str) -> list[str]:
    """Cut a text into words, in small letters, and into signs and pairs of neighbours where no blanks stand between words.

    Pairs tell `上海` from texts that hold both signs elsewhere, and single signs find what a pair would miss.
    """
    found: list[str] = []
    for match in _WORD.finditer(text.lower()):
        run = match[1]
        if run is None:
            found.append(match[0])
        else:
            found += [*run, *(run[place : place + 2] for place in range(len(run) - 1))]
    return found


@final
class Lexicon:
    """For each word the items that hold it, with what it counts there.

    Args:
        texts: of the items, from row 1.

    References:
        Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond, 2009,
        https://doi.org/10.1561/1500000019.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._number_of: dict[str, int] = {}
        rows, codes = [], []
        lengths = np.zeros(len(texts) + 1)
        for row, text in enumerate(texts, start=1):
            own = words(text)
            lengths[row] = len(own)
            rows += [row] * len(own)
            codes += [self._number_of.setdefault(word, len(self._number_of)) for word in own]
        size, self._rows = len(self._number_of), len(texts)
        pairs, count = np.unique(np.array(codes, np.int64) * (self._rows + 1) + np.array(rows, np.int64), return_counts=True)
        code, holder = pairs // (self._rows + 1), pairs % (self._rows + 1)
        holding = np.bincount(code, minlength=size)
        rarity = np.log1p((self._rows - holding + 0.5) / (holding + 0.5))
        long = lengths[holder] / max(lengths.sum() / max(self._rows, 1), 1e-9)
        weight = rarity[code] * count * (_SATURATION + 1) / (count + _SATURATION * (1 - _LENGTH + _LENGTH * long))
        self._starts = np.append(0, holding.cumsum())
        self._holders, self._weights = torch.from_numpy(holder), torch.from_numpy(weight)

    def scores(self, query: str) -> Float[Tensor, " N"]:
        """Return how well each item fits some words; 0 where it holds none of them."""
        found = torch.zeros(self._rows + 1, dtype=torch.float64)
        for word in dict.fromkeys(words(query)):
            number = self._number_of.get(word)
            if number is not None:
                start, stop = self._starts[number], self._starts[number + 1]
                found[self._holders[start:stop]] += self._weights[start:stop]
        return found
