"""Which row goes to which part."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.moments import MISSING
from plait.data.split import by_column, by_time, by_user, last_of_user, random
from plait.errors import DataError
from plait.schema import Split


def test_shares_are_exact_and_the_draw_is_the_same_every_time() -> None:
    part = random(1000, Split(), 3, "t")
    assert np.bincount(part).tolist() == [0, 800, 100, 100]
    assert (part == random(1000, Split(), 3, "t")).all()
    assert (part != random(1000, Split(), 4, "t")).any()
    assert (part != random(1000, Split(), 3, "u")).any()


@pytest.mark.parametrize("rows", [0, 1, 2, 9])
def test_few_rows_train(rows: int) -> None:
    assert random(rows, Split(), 1, "t").tolist() == [1] * rows


def test_time_cuts_between_moments() -> None:
    times = np.array([9, 1, 2, 3, 4, 5, 6, 7, 8, 8])
    assert by_time(times, Split(valid=0.2, test=0.2)).tolist() == [3, 1, 1, 1, 1, 1, 1, 2, 2, 2]
    assert by_time(np.full(10, 4), Split()).tolist() == [1] * 10
    assert by_time(np.array([MISSING, 5]), Split()).tolist() == [1, 1]
    assert by_time(np.array([], np.int64), Split()).tolist() == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), st.floats(0, 0.4), st.floats(0, 0.4))
def test_nothing_that_trains_is_later_than_what_tests(times: list[int], valid: float, test: float) -> None:
    array = np.array(times)
    part = by_time(array, Split(valid=valid, test=test))
    assert (part == 1).any()
    for early, late in ((1, 2), (1, 3), (2, 3)):
        if (part == early).any() and (part == late).any():
            assert array[part == early].max() < array[part == late].min()


def test_all_rows_of_a_user_go_together() -> None:
    users = np.random.default_rng(0).integers(0, 51, 2000).astype(np.int32)
    part = by_user(users, 50, Split(valid=0.2, test=0.2), 5, "users")
    own = by_user(np.arange(1, 51, dtype=np.int32), 50, Split(valid=0.2, test=0.2), 5, "users")
    assert np.bincount(own).tolist() == [0, 30, 10, 10]
    for user in range(1, 51):
        assert set(part[users == user]) <= {own[user - 1]}


def test_the_last_of_each_user_by_time() -> None:
    users = np.array([1, 1, 1, 2, 2, 3, 0, 1], np.int32)
    times = np.array([3, 1, 2, 1, 1, 5, 1, 0])
    assert last_of_user(users, times, Split(by="last")).tolist() == [3, 1, 2, 1, 3, 1, 1, 1]
    assert last_of_user(users, None, Split(by="last")).tolist() == [1, 1, 2, 1, 3, 1, 1, 3]


def test_a_column_says_it() -> None:
    split = Split(by="column", column="part")
    assert by_column(pa.array(["train", "test", "valid", None]), split, 1, "t").tolist() == [1, 3, 2, 0]
    drawn = by_column(pa.array(["train"] * 50 + ["test"] * 50), split, 1, "t")
    assert np.bincount(drawn).tolist() == [0, 45, 5, 50]
    said = r"`t.part` .* should hold `train`, `valid` or `test`. Found \['dev'\], first in row 2"
    with pytest.raises(DataError, match=said):
        by_column(pa.array(["train", "dev"]), split, 1, "t")
