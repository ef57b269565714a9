"""Tensors that grow at their end with room to spare, so that a new row seldom copies all rows before it."""

from typing import final

from torch import Tensor

__all__ = ["Room"]

_SPARE = 4


@final
class Room:
    """Lays rows behind those of tensors, each in memory that is a quarter longer than it has to be.

    Who holds a tensor from before keeps it as it was: it ends where the new rows begin. A tensor that is not the last that
    was returned under its name is copied, as the first one is.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Tensor, int]] = {}

    def behind(self, name: str, known: Tensor, more: Tensor) -> Tensor:
        """Return a tensor with rows behind.

        Args:
            name: of the tensor.
            known: its rows so far.
            more: the new rows.
        """
        rows, all_rows = len(known), len(known) + len(more)
        kept, filled = self._kept.get(name, (known, -1))
        if filled != rows or kept.data_ptr() != known.data_ptr() or len(kept) < all_rows:
            kept = known.new_empty((all_rows + all_rows // _SPARE, *known.shape[1:]))
            kept[:rows] = known
        kept[rows:all_rows] = more
        self._kept[name] = (kept, all_rows)
        return kept[:all_rows]
