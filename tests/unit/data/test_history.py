"""Histories against an oracle that looks at every pair, with ties, gaps and NULLs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.history import Timeline
from plait.data.moments import MISSING


def _oracle(
    events: list[tuple[int, int, int, bool]], owner: int, time: int | None, last: int, training: list[bool]
) -> list[int]:
    """List the items of one owner strictly before a time, newest last; of the training part where there is no time."""
    mine = [
        (when, place, item)
        for place, (whose, item, when, counts) in enumerate(events)
        if whose == owner and owner > 0 and item > 0 and counts and when != MISSING
        if (training[place] if time is None else when < time)
    ]
    return [item for _, _, item in sorted(mine)][-last:]


event = st.tuples(st.integers(0, 4), st.integers(0, 5), st.one_of(st.integers(-3, 6), st.just(MISSING)), st.booleans())


@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(event, max_size=30),
    examples=st.lists(st.tuples(st.integers(0, 4), st.integers(-4, 7)), min_size=1, max_size=10),
    last=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_histories_equal_the_oracle(
    events: list[tuple[int, int, int, bool]], examples: list[tuple[int, int]], last: int, seed: int
) -> None:
    training = list(np.random.default_rng(seed).random(len(events)) < 0.5)
    owners, items, times, counts = (np.array([e[i] for e in events]) for i in range(4))
    timeline = Timeline(
        owners.astype(np.int32),
        items.astype(np.int32),
        times.astype(np.int64),
        counts.astype(bool),
        np.array(training, dtype=bool),
        4,
        last,
    )
    who, when = (np.array([e[i] for e in examples]) for i in range(2))
    spans = timeline.before(who.astype(np.int32), when.astype(np.int64))
    timeless = timeline.before(who.astype(np.int32), None)
    for i, (owner, time) in enumerate(examples):
        assert timeline.items[slice(*spans[i])].tolist() == _oracle(events, owner, time, last, training)
        assert timeline.items[slice(*timeless[i])].tolist() == _oracle(events, owner, None, last, training)
    for owner in range(5):
        assert timeline.items[slice(*timeline.now[owner])].tolist() == _oracle(events, owner, 10**9, last, training)


def test_the_example_itself_and_its_moment_never_count() -> None:
    one = np.ones(3, np.int32)
    times = np.array([5, 5, 7])
    timeline = Timeline(one, np.array([1, 2, 3], np.int32), times, one > 0, one > 0, 1, 10)
    spans = timeline.before(one, times)
    assert [timeline.items[slice(*s)].tolist() for s in spans] == [[], [], [1, 2]]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_events_and_one_event(rows: int) -> None:
    one = np.ones(rows, np.int32)
    timeline = Timeline(one, one, np.zeros(rows, np.int64), one > 0, one > 0, 1, 3)
    assert timeline.before(np.array([0, 1], np.int32), np.array([1, 1])).tolist() == [[0, 0], [0, rows]]
    assert timeline.now.shape == (2, 2)
