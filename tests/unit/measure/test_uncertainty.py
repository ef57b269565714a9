"""How unsure predictions are: worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from plait.measure.uncertainty import Doubt, spread, surprise, uncertainty

WAYS: list[Doubt] = ["entropy", "margin", "least_confident"]


@pytest.mark.parametrize(("by", "wanted"), [("entropy", 0.8112781), ("margin", 0.5), ("least_confident", 0.5)])
def test_of_a_quarter(by: Doubt, wanted: float) -> None:
    for chances in ([[0.25]], [[0.75, 0.25]]):
        assert uncertainty(np.array(chances), by) == pytest.approx([wanted])


@pytest.mark.parametrize(("by", "wanted"), [("entropy", 0.9463946), ("margin", 0.75), ("least_confident", 0.75)])
def test_of_three_classes(by: Doubt, wanted: float) -> None:
    # -(.5 log .5 + 2 · .25 log .25) / log 3 = 1.0397208 / 1.0986123
    assert uncertainty(np.array([[0.5, 0.25, 0.25]]), by) == pytest.approx([wanted])


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("several", [False, True])
def test_from_certain_to_even(by: Doubt, several: bool) -> None:
    even = [[0.5, 0.5]] if several else [[0.25] * 4]
    certain = [[0.0, 1.0]] if several else [[0.0, 1.0, 0.0, 0.0]]
    assert uncertainty(np.array(even), by, several) == pytest.approx([1])
    assert uncertainty(np.array(certain), by, several) == pytest.approx([0])


@pytest.mark.parametrize("by", WAYS)
def test_of_several_questions_it_is_the_mean(by: Doubt) -> None:
    both = uncertainty(np.array([[0.3, 0.9]]), by, several=True)
    each = [uncertainty(np.array([[p]]), by)[0] for p in (0.3, 0.9)]
    assert both == pytest.approx([np.mean(each)])


@pytest.mark.parametrize("by", WAYS)
def test_two_classes_have_one_order(by: Doubt) -> None:
    chances = np.random.default_rng(1).random((50, 1))
    order = np.argsort(uncertainty(chances, by))
    assert order.tolist() == np.argsort(-np.abs(chances[:, 0] - 0.5)).tolist()


@pytest.mark.parametrize("by", WAYS)
def test_no_rows(by: Doubt) -> None:
    assert uncertainty(np.empty((0, 3)), by).shape == (0,)


def test_the_surprise_is_the_gradient_of_the_log_loss() -> None:
    assert surprise(np.array([[0.2, 0.5, 0.3]])).tolist() == [[0.2, -0.5, 0.3]]
    assert surprise(np.array([[0.75]])) == pytest.approx(np.array([[0.25, -0.25]]))
    assert surprise(np.array([[0.75, 0.25]]), several=True).tolist() == [[-0.25, 0.25]]


def test_the_spread_of_quantiles() -> None:
    assert spread(np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 3.0]]), 2.0).tolist() == [1.5, 0.0]
    assert spread(np.array([[1.0, 2.0]]), 0.0).tolist() == [1.0]
