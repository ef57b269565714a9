"""Point-in-time histories: for every example, the events of its owner strictly before it, by two binary searches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from plait.data.moments import MISSING

__all__ = ["Timeline", "earlier"]

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]


def earlier(times: Longs, start: Longs, end: Longs, when: Longs) -> Longs:
    """Find where the events strictly before each moment end, inside each example's own run of ascending times.

    A binary search of all examples at once: as many passes as the longest run has bits.

    Args:
        times: of the events.
        start: where each example's run starts.
        end: where it ends.
        when: the moment of each example.
    """
    low, high = start.copy(), end.copy()
    most = max(len(times) - 1, 0)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        before = open_ & (times[np.minimum(middle, most)] < when)
        low = np.where(before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return low


class Timeline:
    """The events of one history feature, sorted by owner, then time, then place in the file.

    Events without owner, item or time are left out. The list holds all events, and behind them the events of the training
    part once more, for examples that have no time of their own.

    Args:
        owners: row number of each event's owner, 0 for none.
        items: row number of each event's item, 0 for none.
        times: when each event happened.
        counts: which events count (the feature's `where`).
        trains: which events are of the training part.
        owner_rows: how many rows the owners' table has.
        last: how many events are kept, the newest.
    """

    def __init__(
        self,
        owners: Ints,
        items: Ints,
        times: Longs,
        counts: npt.NDArray[np.bool_],
        trains: npt.NDArray[np.bool_],
        owner_rows: int,
        last: int,
    ) -> None:
        chosen = np.flatnonzero(counts & (owners > 0) & (items > 0) & (times != MISSING))
        order = chosen[np.lexsort((times[chosen], owners[chosen]))]
        training = order[trains[order]]
        self._last = last
        self.times: Longs = times[order]
        self.owned: Longs = _bounds(owners[order], owner_rows, 0)
        self._training = _bounds(owners[training], owner_rows, len(order))
        self.items: Ints = np.concatenate([items[order], items[training]])

    @property
    def now(self) -> Ints:
        """int32 [owner rows + 1, 2]: the newest events of each owner."""
        return self._cut(self.owned[:, 0], self.owned[:, 1])

    def before(self, owners: Ints, times: Longs | None) -> Ints:
        """Find the events strictly before each example; events at the same moment do not count.

        Args:
            owners: row number of each example's owner, 0 for none.
            times: when each example happened, or None where examples have no time: then events of the training part count.

        Returns:
            int32 [examples, 2]: start and end among `items`, the newest `last`.
        """
        if times is None:
            return self._cut(self._training[owners, 0], self._training[owners, 1])
        start, end = self.owned[owners, 0], self.owned[owners, 1]
        return self._cut(start, earlier(self.times, start, end, times))

    def _cut(self, start: Longs, end: Longs) -> Ints:
        return np.stack([np.maximum(start, end - self._last), end], axis=1).astype(np.int32)


def _bounds(owners: Ints, rows: int, offset: int) -> Longs:
    """Find where each owner's events start and end in a list sorted by owner."""
    ends = np.cumsum(np.bincount(owners, minlength=rows + 1))
    starts = np.concatenate([[0], ends[:-1]])
    return np.stack([starts, ends], axis=1).astype(np.int64) + offset
