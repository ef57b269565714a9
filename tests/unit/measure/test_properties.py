"""What must hold for every figure on any examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.measure import Outcome, metrics, quick

KINDS = ["binary", "multiclass", "multilabel", "regression", "ordinal", "amount", "ranking"]
CASES = [(kind, metric) for kind in KINDS for metric in metrics(kind)]
seeds = st.integers(0, 10_000)


def outcome(kind, seed):
    """Few examples with many equal predictions, weights and units."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 25))
    chance = np.round(rng.random((size, 3)), 1)
    match kind:
        case "binary" | "ranking":
            prediction, label = chance[:, :1], rng.integers(0, 2, (size, 1)).astype(float)
        case "multiclass" | "ordinal":
            prediction, label = chance / np.maximum(chance.sum(axis=1, keepdims=True), 0.1), rng.integers(0, 3, (size, 1))
        case "multilabel":
            prediction, label = chance, np.where(rng.random((size, 3)) < 0.4, np.arange(3), -1)
        case _:
            prediction, label = chance[:, :1] * 4, rng.integers(0, 4, (size, 1))
    unit = rng.integers(0, 4, size) if kind in {"binary", "ranking"} else np.empty(0, dtype=np.int64)
    return Outcome(prediction, label.astype(float), weight=rng.integers(1, 4, size).astype(float), unit=unit)


def rows(given, chosen, weight):
    unit = given.unit[chosen] if len(given.unit) else given.unit
    return Outcome(given.prediction[chosen], given.label[chosen], weight=weight, unit=unit)


@pytest.mark.parametrize(("kind", "metric"), CASES)
@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_the_order_of_examples_does_not_matter(kind, metric, seed):
    one = outcome(kind, seed)
    order = np.random.default_rng(seed).permutation(len(one))
    other = rows(one, order, one.weight[order])
    assert quick(kind, other, metric) == pytest.approx(quick(kind, one, metric), nan_ok=True, abs=1e-9)


@pytest.mark.parametrize(("kind", "metric"), [case for case in CASES if case[0] != "ranking" and case[1] != "ece"])
@settings(max_examples=5, deadline=None)
@given(seed=seeds)
def test_a_weight_of_two_is_the_row_twice(kind, metric, seed):
    one = outcome(kind, seed)
    twice = np.repeat(np.arange(len(one)), one.weight.astype(int))
    other = rows(one, twice, np.empty(0))
    assert quick(kind, other, metric) == pytest.approx(quick(kind, one, metric), nan_ok=True, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_auc_of_the_negated_score_is_one_less_auc(seed):
    one = outcome("binary", seed)
    other = Outcome(1 - one.prediction, one.label, weight=one.weight, unit=one.unit)
    for metric in ("auc", "auc_per_user"):
        expected = 1 - quick("binary", one, metric)
        assert quick("binary", other, metric) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_a_monotone_change_of_scores_keeps_every_ranking_figure(seed):
    one = outcome("ranking", seed)
    other = Outcome(np.exp(3 * one.prediction), one.label, weight=one.weight, unit=one.unit)
    for metric in metrics("ranking"):
        assert quick("ranking", other, metric) == pytest.approx(quick("ranking", one, metric), nan_ok=True)
