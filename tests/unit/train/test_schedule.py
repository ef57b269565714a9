"""How the learning rate changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plait.train.schedule import factor


def test_it_rises_and_falls() -> None:
    found = [factor(step, 10, 0.2, "cosine") for step in range(10)]
    assert found[:3] == [0.5, 1.0, 1.0] and abs(found[6] - 0.5) < 1e-12 and 0 < found[9] < 0.05
    assert [factor(step, 4, 0.5, "constant") for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


@given(total=st.integers(1, 50), warmup=st.floats(0, 1), step=st.integers(0, 49))
def test_it_stays_within_bounds(total: int, warmup: float, step: int) -> None:
    assert 0 < factor(min(step, total - 1), total, warmup, "cosine") <= 1
