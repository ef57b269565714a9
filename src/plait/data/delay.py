"""Labels that may still become 1: what of them is known when, and the chance that it would be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.moments import MISSING, moments
from plait.errors import DataError, RecipeError
from plait.schema import Delay

__all__ = ["Settled", "settle"]

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_FEWEST: Final = 20
_LEAST: Final = 0.05
_TRAIN: Final = 1


@final
@dataclass(frozen=True, slots=True)
class Settled:
    """A delayed label as it counts.

    Attributes:
        label: 1 where it became 1 within the window, and for training rows by the cut.
        observed: rows that count.
        chance: for training rows under `importance` the chance that a 1 would be known by the cut; 1 elsewhere.
        cut: up to when labels of the training part are known, in microseconds.
        settled: training rows whose window is over by the cut.
        delays: how long the labels of settled training rows took to become 1, ascending, in microseconds.
    """

    label: Floats
    observed: Bools
    chance: Floats
    cut: int
    settled: Bools
    delays: Longs


def settle(
    who: str, delay: Delay, label: Floats, observed: Bools, times: Longs, arrived: Longs, part: npt.NDArray[np.uint8]
) -> Settled:
    """Say which labels are known, and as what.

    A training row knows what was known at the cut: a 1 that came later is a 0 there, and a row whose window is not over is
    not settled. Under `wait` unsettled rows are not observed, whatever they say: keeping those that are 1 already would
    keep no 0 beside them. Under `importance` they are, with the chance D(age) that a 1 would be known by now: the share of
    settled ones that came as fast. Rows with less than one chance in twenty are left out, whatever they say.

    Rows that do not train know everything within the window, and count where their window is over when the data end.

    Args:
        who: whose label it is, for messages.
        delay: the settings.
        label: 0 or 1 per row.
        observed: rows inside the sample space with a label.
        times: when each example was, in microseconds.
        arrived: when each label became 1.
        part: the split, 1 for rows that train.

    Raises:
        DataError: a 1 has no time or one before its example, or too few settled ones tell how long they take.
    """
    observed = observed & (times != MISSING)
    one = observed & (label == 1)
    _check(who, delay, one, times, arrived)
    window = delay.micros
    within = one & (arrived - np.where(one, times, 0) <= window)
    train = part == _TRAIN
    nothing = int(MISSING) + window
    cut = max(_cut(who, delay, times[train & observed]), nothing)
    end = max(int(times[observed].max(initial=nothing)), int(arrived[one].max(initial=nothing)))
    over = observed & (times <= end - window)
    settled = observed & train & (times <= cut - window)
    delays = np.sort((arrived - times)[settled & within])
    known = np.where(train, settled, over)
    chance = np.ones(len(label))
    if delay.correction == "importance" and train.any():
        open_ = observed & train & ~settled & (times <= cut)
        if open_.any() and len(delays) < _FEWEST:
            raise DataError(
                f"{who}: `delay` with `correction: importance` should find at least {_FEWEST} rows of the training part "
                f"that became 1 and whose {delay.window} are over, to know how long it takes. Found {len(delays)}. Make "
                f"`window` shorter, or take `correction: wait`."
            )
        age = np.where(open_, cut - np.where(open_, times, 0), 0)
        chance[open_] = np.searchsorted(delays, age[open_], side="right") / max(len(delays), 1)
        known = known | (open_ & (chance >= _LEAST))
    by_now = within & (~train | (arrived <= cut))
    return Settled(by_now.astype(np.float64), known, np.where(known, chance, 1.0), cut, settled, delays)


def _check(who: str, delay: Delay, one: Bools, times: Longs, arrived: Longs) -> None:
    for wrong, words in (
        (one & (arrived == MISSING), "should say when each label became 1. Found no time for"),
        (one & (arrived != MISSING) & (arrived < times), "should not be before the example itself. Found it in"),
    ):
        if wrong.any():
            raise DataError(
                f"{who}: `delay.at: {delay.at}` {words} {int(wrong.sum())} rows whose label is 1, first row "
                f"{int(np.flatnonzero(wrong)[0]) + 1}. Correct the expression, or leave these rows out with `where`."
            )


def _cut(who: str, delay: Delay, times: Longs) -> int:
    if delay.cut is None:
        return int(times.max(initial=MISSING))
    try:
        found = int(moments(pa.array([delay.cut]), "cut")[0])
    except DataError:
        found = MISSING
    if found == MISSING:
        raise RecipeError(f"{who}: `delay.cut` should be a moment such as 2024-05-31. Found `{delay.cut}`.")
    return found
