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


LEVELS = (0.1, 0.5, 0.9)


def quantiles(levels=LEVELS, **more):
    value, label, _ = sample()
    columns = np.stack([value - 1, value, value + 1], axis=1)[:, : len(levels)]
    beside = columns[:, :1] if len(levels) > 1 else columns[:, :0]
    return Outcome(np.concatenate([beside, columns], axis=1), label[:, None], levels=levels, **more), columns, label


@pytest.mark.parametrize("weighted", [False, True])
def test_pinball_same_as_scikit_learn(weighted):
    weight = sample()[2] if weighted else np.empty(0)
    given, columns, label = quantiles(weight=weight)
    w = weight if weighted else None
    each = [sk.mean_pinball_loss(label, columns[:, i], alpha=a, sample_weight=w) for i, a in enumerate(LEVELS)]
    assert quick("regression", given, "pinball") == pytest.approx(np.mean(each))


def test_quantile_error_by_hand():
    label = np.arange(10.0)[:, None]
    prediction = np.tile([4.5, 1.5, 4.5, 6.5], (10, 1))
    # two of ten lie below the first where one should, five below the second as should, seven where nine should
    given = Outcome(prediction, label, levels=LEVELS)
    assert quick("regression", given, "quantile_error") == pytest.approx((0.1 + 0 + 0.2) / 3)


@pytest.mark.parametrize("metric", ["pinball", "quantile_error"])
def test_intervals_of_quantiles_agree_with_drawing_rows_again(metric):
    given, _, label = quantiles()
    found = evaluate("regression", given, 3)[metric]
    assert found.low < found.value < found.high
    rng = np.random.default_rng(0)
    again = []
    for _ in range(100):
        rows = rng.integers(0, len(label), len(label))
        again.append(quick("regression", Outcome(given.prediction[rows], given.label[rows], levels=LEVELS), metric))
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(again), rel=0.35)


def test_errors_are_of_the_median_where_it_is_predicted():
    assert set(evaluate("regression", quantiles()[0], 1)) == {"pinball", "quantile_error", "rmse", "mae", "r2", "spearman"}
    assert set(evaluate("regression", quantiles((0.9,))[0], 1)) == {"pinball", "quantile_error", "spearman"}
    with pytest.raises(
        ValueError, match="`metric` should be one of pinball, quantile_error, spearman for a regression task"
    ):
        quick("regression", quantiles((0.9,))[0], "rmse")
