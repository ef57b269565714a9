"""Figures of guessed tokens."""

import numpy as np
import pytest

from plait.measure import Outcome, decisive, evaluate, larger_is_better, quick


def outcome(rows, **more):
    return Outcome(np.array(rows, dtype=float), np.ones((len(rows), 1)), **more)


def test_by_hand():
    given = outcome([[2 * np.log(4), 1, 2], [np.log(2), 1, 1], [0, 0, 0]])
    assert quick("masked", given, "perplexity") == pytest.approx(32 ** (1 / 3))
    assert quick("masked", given, "accuracy") == pytest.approx(2 / 3)


def test_less_perplexity_is_better_and_decides():
    assert decisive("masked") == "perplexity"
    assert not larger_is_better("perplexity")
    assert larger_is_better("accuracy")


def test_weights_are_of_texts():
    given = outcome([[np.log(4), 0, 1], [np.log(2), 1, 1]], weight=np.array([3.0, 1.0]))
    assert quick("masked", given, "accuracy") == 0.25
    assert quick("masked", given, "perplexity") == pytest.approx(128 ** (1 / 4))


def test_no_token_is_undefined_and_far_out_stays_finite():
    assert evaluate("masked", outcome([[0, 0, 0]]), 1)["perplexity"].reason == "no token was to be guessed"
    assert np.isfinite(quick("masked", outcome([[1e5, 0, 1]]), "perplexity"))


def test_intervals_hold_the_value():
    rng = np.random.default_rng(0)
    given = outcome(np.stack([rng.gamma(2, 2, 400), rng.integers(0, 3, 400), np.full(400, 3)], axis=1))
    for figure in evaluate("masked", given, 1).values():
        assert figure.low < figure.value < figure.high
