"""Figures of ranked lists and of retrieval."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from plait.measure import Outcome, evaluate, quick


def lists(score, relevance, unit):
    return Outcome(np.asarray(score, float)[:, None], np.asarray(relevance, float)[:, None], unit=np.asarray(unit))


def test_by_hand():
    # list 1: places of the relevant: 2; list 2: places 1 and 3; list 9 has none and does not count
    given = lists([3, 2, 1, 5, 4, 3, 1, 2], [0, 1, 0, 1, 0, 1, 0, 0], [1, 1, 1, 2, 2, 2, 9, 9])
    assert quick("ranking", given, "mrr") == pytest.approx((1 / 2 + 1) / 2)
    assert quick("ranking", given, "hit@10") == 1
    assert quick("ranking", given, "recall@10") == 1
    ideal = 1 + 1 / np.log2(3)
    assert quick("ranking", given, "ndcg@10") == pytest.approx((1 / np.log2(3) + (1 + 1 / 2) / ideal) / 2)


@pytest.mark.parametrize("ties", [False, True])
def test_ndcg_same_as_scikit_learn(ties):
    rng = np.random.default_rng(0)
    score = rng.normal(size=(30, 25))
    score = np.round(score) if ties else score
    relevance = rng.integers(0, 4, size=(30, 25))
    unit = np.repeat(np.arange(30), 25)
    order = rng.permutation(750)
    given = lists(score.ravel()[order], relevance.ravel()[order], unit[order])
    assert quick("ranking", given, "ndcg@10") == pytest.approx(ndcg_score(relevance, score, k=10))


def test_equal_scores_gain_nothing_by_the_order_of_rows():
    front = lists(np.zeros(20), [1] + [0] * 19, np.zeros(20, int))
    back = lists(np.zeros(20), [0] * 19 + [1], np.zeros(20, int))
    for metric, value in {"mrr": 1 / 10.5, "hit@10": 0.0, "recall@10": 0.5}.items():
        assert quick("ranking", front, metric) == pytest.approx(quick("ranking", back, metric))
        assert quick("ranking", front, metric) == pytest.approx(value)


def test_lists_without_a_relevant_item_are_undefined():
    result = evaluate("ranking", lists([1, 2], [0, 0], [1, 1]), 0)
    assert result["ndcg@10"].reason == "no list has a relevant item"
    no_lists = Outcome(np.ones((2, 1)), np.ones((2, 1)))
    assert evaluate("ranking", no_lists, 0)["mrr"].reason == "the task names no column that makes lists (`group`)"


def retrieved(rank, **more):
    return Outcome(np.empty((len(rank), 0)), np.ones((len(rank), 1)), rank=np.asarray(rank), **more)


def test_retrieval_by_hand():
    given = retrieved([1, 3, 50, 0], top=np.array([[1, 2], [2, 3], [2, 0], [3, 1]]), catalogue=6)
    assert quick("retrieval", given, "ndcg@10") == pytest.approx((1 + 1 / 2) / 4)
    assert quick("retrieval", given, "recall@10") == quick("retrieval", given, "hit@10") == pytest.approx(2 / 4)
    assert quick("retrieval", given, "recall@100") == pytest.approx(3 / 4)
    assert quick("retrieval", given, "mrr") == pytest.approx((1 + 1 / 3 + 1 / 50) / 4)
    assert quick("retrieval", given, "coverage") == pytest.approx(3 / 6)


def test_coverage_is_a_count_without_an_interval():
    result = evaluate("retrieval", retrieved([1, 2], top=np.array([[1], [2]]), catalogue=4), 0)
    assert result["coverage"].value == 0.5
    assert np.isnan(result["coverage"].low)
    assert result["coverage"].reason == "a count has no interval"
    assert evaluate("retrieval", retrieved([1, 2]), 0)["coverage"].reason == "no lists of the best items were made"


def test_rows_of_one_user_are_drawn_together():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(100), 20)
    rank = np.where(rng.random(100) < 0.5, 1, 100)[user]
    alone = evaluate("retrieval", retrieved(rank), 0)["mrr"]
    together = evaluate("retrieval", retrieved(rank, unit=user), 0)["mrr"]
    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_related_pairs_without_unrelated_ones_are_places_among_all():
    given = retrieved([1, 3, 0], top=np.array([[1], [2], [1]]), catalogue=5)
    assert quick("relatedness", given, "auc") == pytest.approx((1 + 2 / 4 + 0) / 3)
    assert quick("relatedness", given, "mrr") == pytest.approx((1 + 1 / 3) / 3)
    assert quick("relatedness", given, "coverage") == pytest.approx(2 / 5)
    found = evaluate("relatedness", given, 0)
    assert "log_loss" not in found
    assert {"auc", "ndcg@10", "coverage"} <= set(found)


def test_related_and_unrelated_pairs_are_yes_or_no():
    pairs = Outcome(np.array([[0.9], [0.2]]), np.array([[1.0], [0.0]]))
    found = evaluate("relatedness", pairs, 0)
    assert found["auc"].value == 1
    assert "ndcg@10" not in found
