"""Vectors of texts that were encoded before, by key."""

from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = ["Memory"]

_BYTES: Final = 1 << 30


@final
class Memory:
    """Remember one vector per text, as long as an encoder stays as it is.

    Args:
        width: length of a vector.
        most: bytes from which nothing more is taken in.
    """

    def __init__(self, width: int, most: int = _BYTES) -> None:
        self._width = width
        self._rows = most // (4 * width)
        self._place: dict[int, int] = {}
        self._vectors: Tensor | None = None

    def __len__(self) -> int:
        return len(self._place)

    def forget(self) -> None:
        """Drop everything."""
        self._place, self._vectors = {}, None

    def known(self, keys: Int[Tensor, " U"]) -> Bool[Tensor, " U"]:
        """Say which texts are remembered."""
        return torch.tensor([key in self._place for key in keys.tolist()], dtype=torch.bool)

    def recall(self, keys: Int[Tensor, " U"]) -> Float[Tensor, "U width"]:
        """Return the vectors of texts that are all remembered."""
        assert self._vectors is not None
        places = torch.tensor([self._place[key] for key in keys.tolist()], dtype=torch.int64)
        return self._vectors.index_select(0, places.to(self._vectors.device))

    def add(self, keys: Int[Tensor, " U"], vectors: Float[Tensor, "U width"]) -> None:
        """Take in texts that are not remembered yet, as many as there is room for."""
        used = len(self._place)
        count = min(keys.shape[0], self._rows - used)
        if count <= 0:
            return
        if self._vectors is None or used + count > self._vectors.shape[0]:
            size = min(max(2 * used, used + count, 256), self._rows)
            grown = vectors.new_empty(size, self._width)
            if self._vectors is not None:
                grown[:used] = self._vectors[:used]
            self._vectors = grown
        self._vectors[used : used + count] = vectors[:count]
        self._place |= {key: used + place for place, key in enumerate(keys[:count].tolist())}
