"""Reliability of probabilities."""

import numpy as np
import pytest

from plait.measure import Outcome, curve, evaluate, quick


def test_curve_by_hand():
    points = curve(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.0, 1.0, 1.0, 1.0]), 2)
    assert points == [(pytest.approx(0.15), 0.5, 2), (pytest.approx(0.85), 1.0, 2)]


def test_equal_predictions_stay_together():
    points = curve(np.full(100, 0.3), np.arange(100) % 2 == 0, 10)
    assert points == [(pytest.approx(0.3), 0.5, 100)]


def test_nothing_to_draw():
    assert curve(np.empty(0), np.empty(0), 5) == []
    assert curve(np.array([np.nan]), np.array([1.0]), 5) == []


def test_bins_hold_about_equal_numbers_even_of_a_rare_event():
    rng = np.random.default_rng(0)
    chance = 0.02 * rng.random(3000) ** 3
    counts = [count for _, _, count in curve(chance, rng.random(3000) < chance, 10)]
    assert len(counts) == 10
    assert max(counts) - min(counts) <= 1


def test_error_of_a_calibrated_and_of_a_shifted_model():
    rng = np.random.default_rng(0)
    chance = 0.1 + 0.6 * rng.random(20_000)
    label = (rng.random(20_000) < chance).astype(float)[:, None]
    assert quick("binary", Outcome(chance[:, None], label), "ece") < 0.02
    shifted = evaluate("binary", Outcome(chance[:, None] + 0.2, label), 0)["ece"]
    assert shifted.low < 0.2 < shifted.high
