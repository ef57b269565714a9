"""Who beats whom in everything."""

import numpy as np
import pytest

from plait.measure import dominated


def test_by_hand():
    # 0 and 2 trade one figure for the other; 1 is beaten by both; 3 equals 2 and neither beats the other.
    points = [(0.9, 0.1), (0.4, 0.1), (0.5, 0.6), (0.5, 0.6)]
    assert dominated(points, [True, True]) == [[], [0, 2, 3], [], []]


def test_less_may_be_better():
    points = [(0.9, 1.0), (0.9, 0.8), (0.7, 0.5)]
    assert dominated(points, [True, False]) == [[1], [], []]


def test_what_is_not_known_takes_no_part():
    assert dominated([(0.5, float("nan")), (0.6, 0.6), (0.1, 0.1)], [True, True]) == [[], [], [1]]
    assert dominated([], [True, True]) == []


@pytest.mark.parametrize("seed", range(5))
def test_turning_a_figure_round_changes_nothing(seed):
    points = np.random.default_rng(seed).integers(0, 5, (12, 2)).astype(float)
    turned = points * [1, -1]
    found = dominated(points.tolist(), [True, True])
    assert dominated(turned.tolist(), [True, False]) == found
    for beaten, by in enumerate(found):
        assert beaten not in by
        assert all(beaten not in found[other] for other in by)
    assert any(not by for by in found)
