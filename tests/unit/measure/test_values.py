"""Figures of quantities."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from plait.measure import Outcome, evaluate, quick


def sample(seed=0, size=300, ties=False):
    rng = np.random.default_rng(seed)
    label = np.where(rng.random(size) < 0.5, 0, np.exp(rng.normal(size=size)))
    value = label + rng.normal(size=size)
    return (np.round(value) if ties else value), label, rng.gamma(1.0, 1.0, size)


def outcome(value, label, **more):
    return Outcome(np.asarray(value, float)[:, None], np.asarray(label, float)[:, None], **more)


@pytest.mark.parametrize("weighted", [False, True])
def test_same_as_scikit_learn(weighted):
    value, label, weight = sample()
    w = weight if weighted else None
    given = outcome(value, label, weight=weight if weighted else np.empty(0))
    assert quick("regression", given, "rmse") == pytest.approx(sk.root_mean_squared_error(label, value, sample_weight=w))
    assert quick("regression", given, "mae") == pytest.approx(sk.mean_absolute_error(label, value, sample_weight=w))
    if not weighted:
        assert quick("regression", given, "r2") == pytest.approx(sk.r2_score(label, value))
    assert quick("amount", given, "predicted_over_observed") == pytest.approx(
        np.average(value, weights=w) / np.average(label, weights=w)
    )


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_same_as_scipy(ties):
    value, label, _ = sample(ties=ties)
    assert quick("regression", outcome(value, label), "spearman") == pytest.approx(spearmanr(value, label).statistic)


def test_gini_by_hand():
    # the largest first is perfect; reversed is the worst; the same for all says nothing
    label = [0, 0, 1, 3]
    assert quick("amount", outcome([1, 2, 3, 4], label), "gini") == pytest.approx(10 / 11 * 11 / 10, rel=0.1)
    assert quick("amount", outcome([0, 0, 1, 3], label), "gini") == pytest.approx(1)
    assert quick("amount", outcome([3, 3, 1, 0], label), "gini") == pytest.approx(-1)
    assert quick("amount", outcome([2, 2, 2, 2], label), "gini") == pytest.approx(0)


def test_gini_of_a_yes_or_no_amount_is_twice_the_auc_less_one():
    value, label, weight = sample()
    yes = (label > 0).astype(float)
    area = sk.roc_auc_score(yes, value, sample_weight=weight)
    assert quick("amount", outcome(value, yes, weight=weight), "gini") == pytest.approx(2 * area - 1)


@pytest.mark.parametrize("metric", ["spearman", "gini", "r2"])
def test_intervals_agree_with_drawing_rows_again(metric):
    value, label, _ = sample(4, 200)
    found = evaluate("amount", outcome(value, label), 3)[metric]
    rng = np.random.default_rng(0)
    again = []
    for _ in range(100):
        rows = rng.integers(0, len(value), len(value))
        again.append(quick("amount", outcome(value[rows], label[rows]), metric))
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(again), rel=0.3)


def test_constant_labels_are_undefined_with_a_reason():
    result = evaluate("amount", outcome([1.0, 2.0], [0.0, 0.0]), 0)
    assert result["r2"].reason == "all labels are 0"
    assert result["gini"].reason == "all labels are 0"
    assert result["predicted_over_observed"].reason == "the labels sum to 0"
    assert result["rmse"].value == pytest.approx(np.sqrt(2.5))


def test_large_values_keep_their_digits():
    value, label, _ = sample()
    near = quick("regression", outcome(value + 1e8, label + 1e8), "rmse")
    assert near == pytest.approx(quick("regression", outcome(value, label), "rmse"), rel=1e-6)
    both = evaluate("regression", outcome(value, label), 0), evaluate("regression", outcome(value + 1e6, label + 1e6), 0)
    assert both[1]["r2"].low == pytest.approx(both[0]["r2"].low, rel=1e-3)
