"""Which items hold the words of a question: BM25 over their texts, as whole columns."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, final

import numpy as np
import numpy.typing as npt
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

    Attributes:
        rows: how many items there are, those behind the index included.
        tail: how many came behind it; with many it is time to make a new one.

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
        size, self.rows, self.tail = len(self._number_of), len(texts), 0
        pairs, count = np.unique(np.array(codes, np.int64) * (self.rows + 1) + np.array(rows, np.int64), return_counts=True)
        code, holder = pairs // (self.rows + 1), pairs % (self.rows + 1)
        holding = np.bincount(code, minlength=size)
        self._rarity = np.log1p((self.rows - holding + 0.5) / (holding + 0.5))
        self._mean = max(lengths.sum() / max(self.rows, 1), 1e-9)
        weight = self._rarity[code] * _counted(count, lengths[holder] / self._mean)
        self._starts = np.append(0, holding.cumsum())
        self._holders, self._weights = torch.from_numpy(holder), torch.from_numpy(weight)
        self._later: list[dict[str, float]] = []

    def grown(self, texts: Sequence[str]) -> "Lexicon":
        """Return the same with items behind; how rare a word is stays as it was counted.

        Args:
            texts: of the new items.
        """
        more = [self._weighed(text) for text in texts]
        made = object.__new__(Lexicon)
        made.__dict__.update(self.__dict__)
        made.rows, made.tail, made._later = self.rows + len(more), self.tail + len(more), [*self._later, *more]
        return made

    def scores(self, query: str) -> Float[Tensor, " N"]:
        """Return how well each item fits some words; 0 where it holds none of them."""
        found = torch.zeros(self.rows + 1, dtype=torch.float64)
        asked = list(dict.fromkeys(words(query)))
        for word in asked:
            number = self._number_of.get(word)
            if number is not None:
                start, stop = self._starts[number], self._starts[number + 1]
                found[self._holders[start:stop]] += self._weights[start:stop]
        if self._later:
            behind = [sum(weights.get(word, 0.0) for word in asked) for weights in self._later]
            found[self.rows + 1 - self.tail :] = torch.tensor(behind, dtype=torch.float64)
        return found

    def _weighed(self, text: str) -> dict[str, float]:
        """Return what each word of one text counts; one that no text had before is as rare as can be."""
        own = Counter(words(text))
        if not own:
            return {}
        indexed = self.rows - self.tail
        new = float(np.log1p((indexed + 0.5) / 0.5))
        numbers = [self._number_of.get(word) for word in own]
        rarity = np.array([new if number is None else self._rarity[number] for number in numbers])
        long = np.full(len(own), own.total() / self._mean)
        return dict(zip(own, (rarity * _counted(np.array(list(own.values())), long)).tolist(), strict=True))


def _counted(count: npt.NDArray[np.int64], long: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return what holding a word so often counts in a text so long, against the mean length."""
    counted: npt.NDArray[np.float64] = count * (_SATURATION + 1) / (count + _SATURATION * (1 - _LENGTH + _LENGTH * long))
    return counted
