"""The transform chosen from the tail, the scale, missing values, edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.data.statistics import fit, transform


def test_a_bell_stays_as_it_is_and_is_standardised() -> None:
    values = np.random.default_rng(0).normal(40, 12, 5000)
    plan = fit(values, "auto")
    assert plan.transform == "none"
    assert not plan.missing
    done, missing = transform(plan, values)
    assert done.dtype == np.float32
    assert abs(done.mean()) < 1e-3
    assert abs(done.std() - 1) < 1e-3
    assert not missing.any()


def test_golden_values() -> None:
    plan = fit(np.array([1.0, 2.0, 3.0, np.nan]), "none")
    assert (plan.mean, plan.missing) == (2.0, True)
    done, missing = transform(plan, np.array([4.0, np.nan, np.inf, 2.0]))
    assert done == pytest.approx([2 / np.std([1, 2, 3]), 0, 0, 0])
    assert missing.tolist() == [False, True, True, False]


def test_many_zeros_with_a_tail_take_the_logarithm() -> None:
    values = np.where(np.arange(10_000) % 20 == 0, np.exp(np.random.default_rng(1).normal(8, 1, 10_000)), 0.0)
    plan = fit(values, "auto")
    assert plan.transform == "log"
    assert len(plan.edges) > 10, "the zeros may not eat the edges of the rest"


def test_a_double_exponential_takes_ranks() -> None:
    values = np.sign(np.random.default_rng(2).normal(size=5000)) * np.exp(np.exp(np.random.default_rng(3).normal(size=5000)))
    plan = fit(values, "quantile")
    done, _ = transform(plan, np.sort(values))
    assert (np.diff(done) >= 0).all()
    assert abs(done.std() - 1) < 0.05
    assert fit(values**3, "auto").transform == "quantile"


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [3.0, 3.0], [0.1] * 7, [1e308, -1e308, 0.0], [5e-324, 1e308]])
def test_odd_columns_stay_finite(values: list[float]) -> None:
    for wanted in ("auto", "none", "log", "quantile"):
        plan = fit(np.array(values), wanted)  # type: ignore[arg-type]
        done, _ = transform(plan, np.array([*values, 0.0, np.nan, 1e300, -np.inf]))
        assert np.isfinite(done).all(), (wanted, done)
        assert plan.edges == sorted(set(plan.edges))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=60))
def test_every_transform_keeps_the_order(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    for wanted in ("none", "log", "quantile"):
        done, _ = transform(fit(ordered, wanted), ordered)  # type: ignore[arg-type]
        assert (np.diff(done) >= 0).all()
