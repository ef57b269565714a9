"""Figures of tasks with several classes: one of them, any number of them, in an order."""

import numpy as np
import pytest
from sklearn import metrics as sk

from plait.measure import Outcome, evaluate, quick


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def multiclass(seed=0, size=300, classes=4):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, classes))
    label = (logits + rng.normal(size=logits.shape)).argmax(axis=1)
    return softmax(logits), label, rng.gamma(1.0, 1.0, size)


def multilabel(seed=0, size=200, classes=5):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, classes))
    yes = logits + rng.normal(size=logits.shape) > 0.5
    padded = np.full((size, classes), -1.0)
    for row in range(size):
        found = np.flatnonzero(yes[row])
        padded[row, : len(found)] = found
    return 1 / (1 + np.exp(-logits)), yes, padded, rng.gamma(1.0, 1.0, size)


@pytest.mark.parametrize("weighted", [False, True])
def test_multiclass_same_as_scikit_learn(weighted):
    chance, label, weight = multiclass()
    w = weight if weighted else None
    given = Outcome(chance, label[:, None].astype(float), weight=weight if weighted else np.empty(0))
    called = chance.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(label, called, sample_weight=w),
        "log_loss": sk.log_loss(label, chance, sample_weight=w),
        "f1_macro": sk.f1_score(label, called, average="macro", sample_weight=w),
        "precision_macro": sk.precision_score(label, called, average="macro", sample_weight=w),
        "recall_macro": sk.recall_score(label, called, average="macro", sample_weight=w),
        "auc_macro": np.mean([sk.roc_auc_score(label == c, chance[:, c], sample_weight=w) for c in range(4)]),
    }
    result = evaluate("multiclass", given, 1)
    for metric, value in expected.items():
        assert result[metric].value == pytest.approx(value), metric
        assert result[metric].low <= value <= result[metric].high


def test_multiclass_by_hand():
    chance = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.7, 0.2, 0.1]])
    given = Outcome(chance, np.array([[0.0], [1.0], [1.0]]))
    assert quick("multiclass", given, "accuracy") == pytest.approx(2 / 3)
    assert quick("multiclass", given, "precision_macro") == pytest.approx((1 / 2 + 1) / 2)
    assert quick("multiclass", given, "recall_macro") == pytest.approx((1 + 1 / 2) / 2)


def test_a_class_that_never_occurs_does_not_count():
    chance = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])
    given = Outcome(chance, np.array([[0.0], [1.0]]))
    assert quick("multiclass", given, "f1_macro") == 1
    assert quick("multiclass", given, "auc_macro") == 1


def test_one_class_is_undefined_with_a_reason():
    given = Outcome(np.full((3, 2), 0.5), np.zeros((3, 1)))
    assert evaluate("multiclass", given, 0)["auc_macro"].reason == "no class has both labels"


@pytest.mark.parametrize("weighted", [False, True])
def test_multilabel_same_as_scikit_learn(weighted):
    chance, yes, padded, weight = multilabel()
    w = weight if weighted else None
    given = Outcome(chance, padded, weight=weight if weighted else np.empty(0))
    called = chance >= 0.5
    expected = {
        "pr_auc": sk.average_precision_score(yes, chance, average="micro", sample_weight=w),
        "auc_macro": sk.roc_auc_score(yes, chance, average="macro", sample_weight=w),
        "f1_micro": sk.f1_score(yes, called, average="micro", sample_weight=w),
        "f1_macro": sk.f1_score(yes, called, average="macro", sample_weight=w),
        "precision_micro": sk.precision_score(yes, called, average="micro", sample_weight=w),
        "recall_micro": sk.recall_score(yes, called, average="micro", sample_weight=w),
    }
    result = evaluate("multilabel", given, 1)
    for metric, value in expected.items():
        assert result[metric].value == pytest.approx(value), metric
        assert result[metric].low < value < result[metric].high


def test_multilabel_without_any_label():
    given = Outcome(np.full((2, 3), 0.4), np.full((2, 1), -1.0))
    result = evaluate("multilabel", given, 0)
    assert result["pr_auc"].reason == "all 6 labels are 0"
    assert result["recall_micro"].reason == "no example has a class"
    assert result["accuracy"].value == 1


def test_ordinal_by_hand():
    # medians: 0, 2, 1
    chance = np.array([[0.8, 0.1, 0.1], [0.3, 0.1, 0.6], [0.4, 0.2, 0.4]])
    given = Outcome(chance, np.array([[0.0], [0.0], [2.0]]))
    assert quick("ordinal", given, "mae") == pytest.approx(1)
    assert quick("ordinal", given, "accuracy") == pytest.approx(1 / 3)
    assert quick("ordinal", given, "within_one") == pytest.approx(2 / 3)
    assert quick("ordinal", given, "rmse") == pytest.approx(np.sqrt(np.mean([0.3**2, 1.3**2, 1.0**2])))


@pytest.mark.parametrize("weighted", [False, True])
def test_kappa_same_as_scikit_learn(weighted):
    chance, label, weight = multiclass(2)
    given = Outcome(chance, label[:, None].astype(float), weight=weight if weighted else np.empty(0))
    median = np.minimum((np.cumsum(chance, axis=1) < 0.5).sum(axis=1), 3)
    expected = sk.cohen_kappa_score(median, label, weights="quadratic", sample_weight=weight if weighted else None)
    assert quick("ordinal", given, "kappa") == pytest.approx(expected)


def test_kappa_of_one_level_is_undefined():
    given = Outcome(np.array([[0.9, 0.1]] * 3), np.zeros((3, 1)))
    assert evaluate("ordinal", given, 0)["kappa"].reason == "all labels and predictions are level 0"


def test_intervals_of_shares_stay_between_0_and_1():
    given = Outcome(np.array([[0.9, 0.2], [0.4, 0.6], [0.8, 0.7]]), np.array([[0.0], [1.0], [-1.0]]))
    for metric, found in evaluate("multilabel", given, 0).items():
        if metric != "log_loss":
            assert found.reason or 0 <= found.low <= found.high <= 1, metric
