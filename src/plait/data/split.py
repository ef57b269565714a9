"""Which rows of a table train, validate and test."""

from __future__ import annotations

import zlib
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plait.data.columns import PARTS
from plait.data.moments import MISSING
from plait.data.values import texts
from plait.errors import DataError
from plait.schema import Split

__all__ = ["by_column", "by_time", "by_user", "last_of_user", "random"]

Parts = npt.NDArray[np.uint8]
_TRAIN, _VALID, _TEST = np.uint8(1), np.uint8(2), np.uint8(3)
_GOLDEN: Final = 0x9E3779B97F4A7C15


def _hash(rows: int, seed: int, name: str) -> npt.NDArray[np.uint64]:
    """Hash row numbers with seed and table (splitmix64), so that the draw depends on nothing else."""
    start = (seed * _GOLDEN + zlib.crc32(name.encode()) * 0xD1B54A32D192ED03) % 2**64
    x = np.arange(rows, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(start)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def random(rows: int, split: Split, seed: int, name: str) -> Parts:
    """Draw the shares exactly, rounded down; what is left trains. With folds, one of them tests and every row tests once.

    Args:
        rows: how many rows there are.
        split: the shares.
        seed: of the recipe.
        name: of the table, so that two tables are drawn differently.
    """
    order = np.argsort(_hash(rows, seed, name))
    part = np.full(rows, _TRAIN)
    test, valid = int(rows * split.test), int(rows * split.valid)
    if split.folds:
        start, stop = rows * split.fold // split.folds, rows * (split.fold + 1) // split.folds
        order, test = np.roll(order, -start), stop - start
    part[order[:test]] = _TEST
    part[order[test : test + valid]] = _VALID
    return part


def by_time(times: npt.NDArray[np.int64], split: Split) -> Parts:
    """Cut a table's own times at two moments: the oldest rows train, the newest test.

    Rows of one moment stay in one part, the earlier one. A row without a time trains, as it cannot be shown to be later.
    """
    part = np.full(len(times), _TRAIN)
    known = np.sort(times[times != MISSING])
    if not len(known):
        return part
    train = max(1, len(known) - int(len(known) * split.test) - int(len(known) * split.valid))
    valid = max(train, len(known) - int(len(known) * split.test))
    part[times > known[train - 1]] = _VALID
    part[times > known[valid - 1]] = _TEST
    return part


def by_user(users: npt.NDArray[np.int32], count: int, split: Split, seed: int, owner: str) -> Parts:
    """Give all rows of one user to one part; the shares are shares of the users. Rows without a user are drawn on their own.

    Args:
        users: row number of each row's user, 0 for none.
        count: how many users there are.
        split: the shares.
        seed: of the recipe.
        owner: the users' table, so that every table draws the same users.
    """
    part = random(count, split, seed, owner)
    alone = random(len(users), split, seed, f"{owner}\0alone")
    return np.where(users > 0, np.append(_TRAIN, part)[users], alone)


def last_of_user(users: npt.NDArray[np.int32], times: npt.NDArray[np.int64] | None, split: Split) -> Parts:
    """Test the last n rows of each user and validate the n before, leaving every user at least one row that trains.

    Args:
        users: row number of each row's user; rows of user 0 train.
        times: when each row happened; the order of the file where there is none, and among equal times.
        split: gives n.
    """
    rows = len(users)
    when = times if times is not None else np.zeros(rows, dtype=np.int64)
    order = np.lexsort((np.arange(rows), when, users))
    sorted_users = users[order]
    ends = np.searchsorted(sorted_users, sorted_users, side="right")
    size = ends - np.searchsorted(sorted_users, sorted_users, side="left")
    back = ends - np.arange(rows) - 1
    test = np.minimum(split.n, size - 1)
    valid = np.minimum(split.n, size - 1 - test)
    part = np.full(rows, _TRAIN)
    inside = sorted_users > 0
    part[order[inside & (back < test)]] = _TEST
    part[order[inside & (back >= test) & (back < test + valid)]] = _VALID
    return part


def by_column(values: pa.Array, split: Split, seed: int, name: str) -> Parts:
    """Read the part from a column; where no row says `valid`, draw its share from `train`. NULL is no part at all.

    Raises:
        DataError: if a row says something else, naming it.
    """
    written = texts(values)
    found = written.dictionary_encode()
    known = found.dictionary.to_pylist()
    wrong = [v for v in known if v not in PARTS]
    if wrong:
        row = written.to_pylist().index(wrong[0]) + 1
        raise DataError(
            f"`{name}.{split.column}` says which part a row belongs to and should hold `train`, `valid` or `test`. "
            f"Found {wrong[:5]}, first in row {row}."
        )
    numbers = np.array([PARTS[v] for v in known] + [0], dtype=np.uint8)
    part: Parts = numbers[found.indices.cast(pa.int32()).fill_null(len(known)).to_numpy(zero_copy_only=False)]
    if _VALID not in part and split.valid > 0:
        train = np.flatnonzero(part == _TRAIN)
        drawn = np.argsort(_hash(len(part), seed, name)[train], kind="stable")
        part[train[drawn[: int(len(train) * split.valid)]]] = _VALID
    return part
