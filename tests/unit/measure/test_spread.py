"""Means of a few draws with their intervals."""

import math

import numpy as np
import pytest

from plait.measure import mean_interval
from plait.measure.spread import student

TABLE = [(1, 12.706), (2, 4.303), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)]


@pytest.mark.parametrize(("freedom", "expected"), TABLE)
def test_the_printed_table(freedom, expected):
    assert student(freedom) == pytest.approx(expected, abs=2e-3)


def test_other_chances():
    assert student(5, 0.99) == pytest.approx(4.032, abs=2e-3)
    assert student(9, 0.9) == pytest.approx(1.833, abs=2e-3)


def test_by_hand():
    found = mean_interval([1.0, 2.0, 3.0, None, float("nan")])
    reach = 4.303 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2 - reach, 2 + reach), abs=1e-3)


def test_too_few_and_none():
    assert mean_interval([0.5, 0.7]).value == pytest.approx(0.6)
    assert math.isnan(mean_interval([0.5, 0.7]).low)
    assert "2" in mean_interval([0.5, 0.7]).reason
    assert math.isnan(mean_interval([None]).value)


def test_it_holds_what_it_should_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(0.3, 1.0, (2000, 6))
    found = [mean_interval(row.tolist()) for row in draws]
    assert np.mean([one.low <= 0.3 <= one.high for one in found]) == pytest.approx(0.95, abs=0.015)
