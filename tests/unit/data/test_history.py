"""Histories against an oracle that looks at every pair, with ties, gaps and NULLs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.data.shop import Letters, shop_schema, write_shop

from plait.data.columns import Prepared
from plait.data.history import Timeline
from plait.data.moments import MISSING
from plait.data.prepare import prepare


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


def _naive(
    made: Prepared, events: list[tuple[int, int, int]], training: list[bool], last: int
) -> dict[int, list[list[int]]]:
    """Look back from every example over all events: (user, item, time) by row; and over training events for every user."""
    before = [
        [i for _, _, i in sorted((t, n, i) for n, (u, i, t) in enumerate(events) if u == user > 0 and i > 0 and t < time)]
        for user, _, time in events
    ]
    owners = made.layout.tables["users"].rows
    trained = [
        [i for _, _, i in sorted((t, n, i) for n, (u, i, t) in enumerate(events) if u == user and i > 0 and training[n])]
        for user in range(1, owners + 1)
    ]
    return {0: [b[-last:] for b in before], 1: [b[-last:] for b in trained]}


def test_prepared_histories_equal_a_look_at_every_pair(tmp_path: Path) -> None:
    write_shop(tmp_path, 300)
    made = prepare(shop_schema(), tmp_path, tmp_path / "cache", Letters())
    raw = pq.read_table(tmp_path / "visits.parquet")
    visits = made.tables["visits"]
    keys = visits.layout.keys
    events = [
        (int(row[keys["user"]]), int(row[keys["item"]]), int(at.timestamp()))
        for row, at in zip(visits.matrix[1:], raw.column("at").to_pylist(), strict=True)
    ]
    found = made.histories["users.recent"]
    naive = _naive(made, events, (visits.part[1:] == 1).tolist(), 3)
    assert [found.items[slice(*s)].tolist() for s in found.spans["visits"][1:].tolist()] == naive[0]
    assert [found.items[slice(*s)].tolist() for s in found.spans["users"][1:].tolist()] == naive[1]
    assert found.spans["visits"][0].tolist() == [0, 0]
