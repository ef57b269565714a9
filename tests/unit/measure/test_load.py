"""How evenly experts are used."""

import math

import pytest

from plait.measure import load


def test_even_use():
    found = load({"a": [0.25] * 4, "b": [0.25] * 4})
    assert found.variation == pytest.approx(0)
    assert found.entropy == pytest.approx({"a": 1.0, "b": 1.0})
    assert (found.dead, found.collapsed) == ([], {})


def test_one_expert_does_everything():
    found = load({"a": [0.0, 1.0, 0.0, 0.0], "b": [0.0, 1.0, 0.0, 0.0]})
    assert found.variation == pytest.approx(math.sqrt(3))
    assert found.entropy == pytest.approx({"a": 0.0, "b": 0.0})
    assert found.dead == [0, 2, 3]
    assert found.collapsed == {"a": 1, "b": 1}


def test_by_hand():
    # Entropy of (1/2, 1/2, 0, 0) is ln 2 / ln 4; expert 3 is dead only because b does not use it either.
    found = load({"a": [0.5, 0.5, 0.0, 0.0], "b": [0.0, 0.08, 0.92, 0.0]})
    assert found.entropy["a"] == pytest.approx(0.5)
    assert found.use == pytest.approx([0.25, 0.29, 0.46, 0.0])
    assert found.dead == [3]
    assert found.collapsed == {"b": 2}


def test_nothing_to_choose():
    assert load({}) is None
    assert load({"a": [1.0]}) is None
    assert load({"a": [None, 1.0]}) is None


def test_a_task_with_another_number_of_experts_is_left_out():
    assert set(load({"a": [0.5, 0.5], "b": [0.5, 0.5], "c": [1 / 3] * 3}).entropy) == {"a", "b"}
