"""Gains against the task alone."""

import numpy as np
import pytest

from plait.measure import Gain, Outcome, combine, combined, gain


def pair(seed, better, size=2000):
    rng = np.random.default_rng(seed)
    truth, noise = rng.normal(size=size), rng.normal(size=size)
    label = (truth + 0.5 * rng.normal(size=size) > 0).astype(float)[:, None]
    return [Outcome((truth * skill + noise)[:, None], label) for skill in (better, 1.0)]


def test_by_hand():
    label = np.array([[1.0], [2.0]])
    joint = Outcome(np.array([[1.0], [1.0]]), label)
    # MAE .5 against .5, then against 1
    assert gain("regression", "mae", joint, Outcome(np.array([[1.0], [3.0]]), label), 0).value == 0
    assert gain("regression", "mae", joint, Outcome(np.array([[2.0], [3.0]]), label), 0).value == pytest.approx(0.5)


def test_more_is_better_whatever_the_figure():
    joint, alone = pair(0, 1.3)
    up, down = gain("relatedness", "auc", joint, alone, 1), gain("relatedness", "auc", alone, joint, 1)
    assert (up.verdict, down.verdict) == ("better", "worse")
    assert up.low < up.value < up.high
    label = joint.label
    near, far = Outcome(label + 0.1, label), Outcome(label + 0.2, label)
    assert gain("regression", "rmse", near, far, 1).value == pytest.approx(0.5)
    assert gain("regression", "rmse", near, far, 1).verdict == "better"


def test_no_difference_is_same_in_95_of_100():
    verdicts = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=200)
        label = (truth > 0).astype(float)[:, None]
        sides = [Outcome((truth + rng.normal(size=200))[:, None], label) for _ in range(2)]
        verdicts.append(gain("relatedness", "auc", *sides, seed).verdict)
    assert 0.86 <= verdicts.count("same") / 50 <= 1.0


def test_pairs_see_more_than_two_intervals_apart():
    joint, alone = pair(3, 1.1)
    found = gain("relatedness", "auc", joint, alone, 0)
    shuffled = np.random.default_rng(0).permutation(len(joint.label))
    assert found.verdict == "better"
    mixed = Outcome(alone.prediction[shuffled], alone.label[shuffled])
    with pytest.raises(ValueError, match="same examples in the same order, to be compared in pairs. Found 2000 and 2000"):
        gain("relatedness", "auc", joint, mixed, 0)
    with pytest.raises(ValueError, match="Found 2000 and 3 examples"):
        gain("relatedness", "auc", joint, Outcome(np.ones((3, 1)), np.ones((3, 1))), 0)


def test_undefined_gains_have_a_reason_and_no_verdict_against():
    one = Outcome(np.array([[0.1], [0.2]]), np.ones((2, 1)))
    found = gain("binary", "auc", one, one, 0)
    assert np.isnan(found.value)
    assert (found.verdict, found.reason) == ("same", "all 2 labels are 1")
    label = np.array([[1.0], [2.0]])
    exact = Outcome(label.copy(), label)
    assert "has a rmse of 0" in gain("regression", "rmse", Outcome(label + 1, label), exact, 0).reason


def test_seeds_come_together_by_hand():
    # half width of the examples .02; mean of .01 and .03, Student's 12.706 with one degree of freedom
    found = combine([Gain(0.01, -0.01, 0.03, "same"), Gain(0.03, 0.01, 0.05, "better")])
    half = np.hypot(0.02, 12.706 * np.std([0.01, 0.03], ddof=1) / np.sqrt(2))
    assert (found.value, found.low, found.high) == pytest.approx((0.02, 0.02 - half, 0.02 + half))
    assert found.verdict == "same"


def test_one_seed_stays_as_it_is_and_undefined_ones_are_left_out():
    one, none = Gain(0.1, 0.05, 0.2, "better"), Gain(np.nan, np.nan, np.nan, "same", "all 3 labels are 1")
    assert combine([one, none]) == one
    assert combine([none]).reason == "all 3 labels are 1"
    assert combine([]).reason == "no seeds"


def test_mean_over_tasks():
    gains = [Gain(0.1, 0.0, 0.2, "same"), Gain(-0.04, -0.1, 0.0, "same"), Gain(np.nan, np.nan, np.nan, "same")]
    assert combined(gains) == pytest.approx(0.03)
    assert np.isnan(combined([]))
