"""Rows that differ: by hand, and against forms that lay everything out."""

from __future__ import annotations

import numpy as np
import pytest

from plait.measure.selection import badge, k_center


def test_the_farthest_row_comes_first() -> None:
    places = np.array([[0.0], [1.0], [4.0], [10.0], [11.0]], dtype=np.float32)
    found = k_center(places, 3, known=np.array([[0.0]], dtype=np.float32))
    assert found.rows.tolist() == [4, 2, 1]  # of 1.0 and 10.0, both one away, the first
    assert found.far.tolist() == [11, 4, 1]


def test_known_rows_are_not_far() -> None:
    places = np.array([[0.0, 0.0], [3.0, 4.0]], dtype=np.float32)
    assert k_center(places, 1, known=places[:1]).rows.tolist() == [1]
    assert k_center(places, 1, known=places[1:]).rows.tolist() == [0]


def test_without_known_rows_the_mean_is_known() -> None:
    places = np.array([[0.0], [1.0], [5.0]], dtype=np.float32)
    found = k_center(places, 2)
    assert found.rows.tolist() == [2, 0]
    assert found.far.tolist() == pytest.approx([3, 2])


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_more_asked_for_than_there_are(rows: int) -> None:
    places = np.ones((rows, 2), dtype=np.float32)
    assert k_center(places, 9, known=places[:1]).rows.tolist() == list(range(rows))
    assert sorted(badge(np.ones((rows, 2)), places, 9, np.random.default_rng(0)).rows) == list(range(rows))


def test_it_agrees_with_all_distances_laid_out() -> None:
    draw = np.random.default_rng(5)
    places, known = draw.normal(size=(40, 3)).astype(np.float32), draw.normal(size=(7, 3)).astype(np.float32)
    left, at = list(range(40)), known.tolist()
    wanted = []
    for _ in range(10):
        apart = [min(float(np.linalg.norm(places[row] - there)) for there in at) for row in left]
        wanted.append(left.pop(int(np.argmax(apart))))
        at.append(places[wanted[-1]].tolist())
    assert k_center(places, 10, known).rows.tolist() == wanted


def test_the_longest_gradient_comes_first_and_its_likes_do_not_follow() -> None:
    pulls = np.array([[0.5, -0.5], [0.5, -0.5], [-0.4, 0.4], [0.01, -0.01]])
    places = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    for seed in range(20):
        found = badge(pulls, places, 2, np.random.default_rng(seed))
        assert found.rows[0] == 0
        assert found.rows[1] in (2, 3)
    assert found.far[0] == pytest.approx(np.sqrt(0.5))


def test_distances_are_those_of_gradients_laid_out() -> None:
    draw = np.random.default_rng(6)
    pulls, places = draw.normal(size=(30, 3)), draw.normal(size=(30, 4)).astype(np.float32)
    gradients = np.einsum("no,nh->noh", pulls, places).reshape(30, -1)
    found = badge(pulls, places, 8, np.random.default_rng(1))
    assert len(set(found.rows.tolist())) == 8
    for number in range(1, 8):
        apart = np.linalg.norm(gradients[found.rows[:number]] - gradients[found.rows[number]], axis=1)
        assert found.far[number] == pytest.approx(apart.min(), rel=1e-5)


def test_the_same_seed_draws_the_same_rows() -> None:
    draw = np.random.default_rng(7)
    pulls, places = draw.normal(size=(50, 2)), draw.normal(size=(50, 4)).astype(np.float32)
    one, other, third = (badge(pulls, places, 9, np.random.default_rng(seed)).rows.tolist() for seed in (3, 3, 4))
    assert one == other != third


def test_rows_come_up_as_often_as_the_square_of_their_distance() -> None:
    pulls, places = np.array([[10.0], [9.0], [8.0]]), np.ones((3, 1), dtype=np.float32)
    second = [badge(pulls, places, 2, np.random.default_rng(seed)).rows[1] for seed in range(2000)]
    assert np.mean(np.array(second) == 2) == pytest.approx(4 / 5, abs=0.03)
