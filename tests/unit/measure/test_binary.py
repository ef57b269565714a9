"""Figures of yes-or-no tasks: by hand, against scikit-learn, and under weights."""

import numpy as np
import pytest
from sklearn import metrics as sk

from plait.measure import Outcome, evaluate, quick

THRESHOLDED = {"accuracy": sk.accuracy_score, "precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}


def sample(seed, size=400, ties=False):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=size)
    label = (score + rng.normal(size=size) > 0.4).astype(float)
    chance = 1 / (1 + np.exp(-score))
    return (np.round(chance, 1) if ties else chance), label, rng.gamma(1.0, 1.0, size)


def outcome(chance, label, **more):
    return Outcome(np.asarray(chance, float)[:, None], np.asarray(label, float)[:, None], **more)


def test_by_hand():
    # 4 pairs of a positive and a negative: .9>.6, .9>.2, .4<.6, .4>.2
    given = outcome([0.9, 0.6, 0.4, 0.2], [1, 0, 1, 0])
    assert quick("binary", given, "auc") == pytest.approx(3 / 4)
    assert quick("binary", given, "pr_auc") == pytest.approx((1 + 2 / 3) / 2)
    assert quick("binary", given, "accuracy") == pytest.approx(1 / 2)
    assert quick("binary", given, "precision") == pytest.approx(1 / 2)
    assert quick("binary", given, "recall") == pytest.approx(1 / 2)
    assert quick("binary", given, "f1") == pytest.approx(1 / 2)
    assert quick("binary", given, "predicted_over_observed") == pytest.approx(2.1 / 2)
    assert quick("binary", given, "log_loss") == pytest.approx(-np.mean(np.log([0.9, 0.4, 0.4, 0.8])))
    assert quick("binary", given, "ece") == pytest.approx(np.mean([0.1, 0.6, 0.6, 0.2]))


def test_equal_scores_count_half():
    assert quick("binary", outcome([0.5, 0.5, 0.5], [1, 0, 0]), "auc") == pytest.approx(0.5)
    assert quick("binary", outcome([0.7, 0.5, 0.5], [0, 1, 0]), "auc") == pytest.approx(0.25)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_same_as_scikit_learn(ties, weighted):
    chance, label, weight = sample(3, ties=ties)
    given = outcome(chance, label, weight=weight if weighted else np.empty(0))
    w = weight if weighted else None
    assert quick("binary", given, "auc") == pytest.approx(sk.roc_auc_score(label, chance, sample_weight=w))
    assert quick("binary", given, "pr_auc") == pytest.approx(sk.average_precision_score(label, chance, sample_weight=w))
    inside = outcome(chance.clip(0.01, 0.99), label, weight=given.weight)
    assert quick("binary", inside, "log_loss") == pytest.approx(sk.log_loss(label, chance.clip(0.01, 0.99), sample_weight=w))
    for metric, other in THRESHOLDED.items():
        assert quick("binary", given, metric) == pytest.approx(other(label, chance >= 0.5, sample_weight=w))


def test_auc_per_user_is_the_mean_inside_users_weighted_by_examples():
    # user 7: AUC 1 of 2 examples; user 3: AUC 1/2 of 3 examples; user 5 has one label only and does not count
    given = outcome([0.9, 0.1, 0.3, 0.4, 0.2, 0.8], [1, 0, 1, 0, 0, 1], unit=np.array([7, 7, 3, 3, 3, 5]))
    assert quick("binary", given, "auc_per_user") == pytest.approx((2 * 1 + 3 * 0.5) / 5)


def test_auc_per_user_against_a_loop():
    chance, label, weight = sample(5, ties=True)
    users = np.random.default_rng(1).integers(0, 40, len(label))
    areas, sizes = [], []
    for user in range(40):
        of = users == user
        if 0 < label[of].sum() < of.sum():
            areas.append(sk.roc_auc_score(label[of], chance[of], sample_weight=weight[of]))
            sizes.append(weight[of].sum())
    given = outcome(chance, label, weight=weight, unit=users)
    assert quick("binary", given, "auc_per_user") == pytest.approx(np.average(areas, weights=sizes))


def test_without_users_there_is_no_auc_per_user():
    chance, label, _ = sample(1)
    assert "auc_per_user" not in evaluate("binary", outcome(chance, label), 0)


def test_one_class_is_undefined_with_a_reason():
    result = evaluate("binary", outcome([0.2, 0.7, 0.9], [1, 1, 1]), 0)
    assert np.isnan(result["auc"].value)
    assert result["auc"].reason == "all 3 labels are 1"
    assert result["accuracy"].value == pytest.approx(2 / 3)
    assert evaluate("binary", outcome([0.2], [0]), 0)["auc"].reason == "all 1 labels are 0"


def test_nothing_called_positive_leaves_precision_undefined():
    result = evaluate("binary", outcome([0.2, 0.3], [1, 0]), 0)
    assert result["precision"].reason == "no example is called positive"


def test_no_examples_give_undefined_figures():
    empty = Outcome(np.empty((0, 1)), np.empty((0, 1)))
    result = evaluate("binary", empty, 0)
    assert {one.reason for one in result.values()} == {"no examples"}
    assert np.isnan(quick("binary", empty, "auc"))


def test_scores_that_are_no_probabilities_still_have_areas():
    result = evaluate("relatedness", outcome([3.0, -1.0, 2.0], [1, 0, 0]), 0)
    assert result["auc"].value == 1
    assert result["log_loss"].reason == "the predictions are scores, not probabilities"


def test_predictions_that_are_not_finite_are_said():
    result = evaluate("binary", outcome([0.1, np.nan, np.inf], [1, 0, 1]), 0)
    assert result["auc"].reason == "2 predictions are not finite"


def test_certain_and_wrong_is_finite():
    assert quick("binary", outcome([0.0, 1.0], [1, 0]), "log_loss") == pytest.approx(-np.log(1e-7))


def test_unknown_figure_names_the_known():
    with pytest.raises(ValueError, match=r"should be one of auc, auc_per_user, .* for a binary task. Found `gain`"):
        quick("binary", outcome([0.2], [0]), "gain")


def test_weights_that_cannot_be():
    given = outcome([0.2, 0.8], [0, 1], weight=np.array([0.0, 0.0]))
    assert evaluate("binary", given, 0)["auc"].reason.startswith("sample weights should be finite")
