"""From which chance on an answer counts as known: what is promised on the validation part holds on questions never seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plait.export.certainty import choose, tried


def planted(questions: int, seed: int, best: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw the chances that a model gives, whether it is right, and how often it is right at each chance in truth."""
    draw = np.random.default_rng(seed)
    scores = draw.random(questions)
    truth = best * np.minimum(0.95, 1.4 * scores)
    return torch.from_numpy(scores), torch.from_numpy(draw.random(questions) < truth), torch.from_numpy(truth)


def test_the_promise_holds_for_all_but_one_in_twenty() -> None:
    """The share that is right in truth, above what was chosen by chance alone among a few hundred questions."""
    answering = broken = 0
    for seed in range(100):
        scores, right, truth = planted(300, seed)
        threshold = choose(scores, right).threshold
        if threshold is not None:
            answering += 1
            broken += float(truth[scores >= threshold].mean()) < 0.8
    assert broken <= 5
    assert answering > 90


def test_with_many_questions_nearly_all_that_can_be_are_answered() -> None:
    """In truth 55 % of the questions can be answered so that four of five answers are right."""
    scores, right, truth = planted(20_000, 1)
    able = max(share for share in range(1, 100) if truth[scores >= 1 - share / 100].mean() >= 0.8) / 100
    sure = choose(scores, right)
    assert able - 0.1 <= sure.valid.coverage <= able
    assert sure.valid.precision is not None and 0.8 <= sure.valid.at_least < sure.valid.precision
    assert choose(torch.rand(100), torch.ones(100).bool()).valid.coverage == 1


def test_where_too_few_are_right_nothing_is_answered() -> None:
    for seed in range(20):
        sure = choose(*planted(400, seed, 0.7)[:2])
        assert sure.threshold is None
        assert sure.valid.at_least < 0.8
    # Ten that are right say too little: of twenty models that are right in two of three, one is right ten times.
    few = choose(torch.arange(20, 0, -1).float(), torch.arange(20) < 10)
    assert few.threshold is None and few.valid.precision == 1


def test_equal_chances_are_answered_all_or_none() -> None:
    equal = choose(torch.ones(300), torch.arange(300) < 270)
    assert equal.valid.coverage == 1 and equal.valid.precision == pytest.approx(0.9) and equal.threshold == 1


def test_bounds_are_those_of_the_binomial() -> None:
    """Of n that are all right the share is p at the least where p^n is the risk."""
    assert tried(torch.ones(20), torch.ones(20).bool(), 1.0).at_least == pytest.approx(0.05 ** (1 / 20))
    assert tried(torch.ones(20), torch.ones(20).bool(), 1.0, 10).at_least == pytest.approx(0.005 ** (1 / 20))
    none = tried(torch.ones(20), torch.ones(20).bool(), 2.0)
    assert (none.precision, none.at_least, none.coverage) == (None, 0.0, 0.0)
