"""Pseudo-labels: worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from plait.tasks.unlabelled.base import distributions, ramp
from plait.tasks.unlabelled.pseudo import Pseudo


def made(**changes: object) -> Pseudo:
    given = {"weight": 1.0, "after": 0.0, "threshold": 0.8, **changes}
    return Pseudo(2, Pseudo.Settings.model_validate(given))


SEEN = torch.tensor([[0.9, 0.1], [0.3, 0.7], [0.15, 0.85], [0.5, 0.5]])
PARTLY = torch.tensor([[0.6, 0.4], [0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])


def test_only_sure_rows_cost_and_the_mean_is_over_all() -> None:
    assert float(made()(SEEN, PARTLY, 1.0)) == pytest.approx((-math.log(0.6) - math.log(0.5)) / 4)


def test_a_chance_at_the_threshold_is_enough() -> None:
    assert float(made()(torch.tensor([[0.8, 0.2]]), torch.tensor([[0.5, 0.5]]), 1.0)) == pytest.approx(math.log(2))


def test_no_gradient_flows_through_the_label() -> None:
    seen, partly = SEEN.clone().requires_grad_(), PARTLY.clone().requires_grad_()
    made()(seen, partly, 1.0).backward()
    assert seen.grad is None
    assert partly.grad is not None
    assert partly.grad.abs().sum(1).bool().tolist() == [True, False, True, False]


def test_the_weight_rises_with_the_training() -> None:
    assert [ramp(done, 0.5) for done in (0.0, 0.5, 0.625, 0.75, 1.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]
    whole = float(made(after=0.5)(SEEN, PARTLY, 0.8))
    assert float(made(after=0.5)(SEEN, PARTLY, 0.4)) == 0
    assert float(made(after=0.5)(SEEN, PARTLY, 0.625)) == pytest.approx(whole / 2)
    assert float(made(after=0.5, weight=0.1)(SEEN, PARTLY, 0.8)) == pytest.approx(whole / 10)


def test_a_class_it_is_seldom_sure_of_has_a_lower_threshold() -> None:
    way = made(balanced=True)
    way.sure.copy_(torch.tensor([0.6, 0.3]))
    seen = torch.tensor([[0.55, 0.45], [0.4, 0.6]])
    # The step adds nothing sure: s = 0.9 (.6, .3) = (.54, .27), b = s / max(1 - .81, .54) = (1, .5), b / (2 - b) = (1, 1/3),
    # and no threshold falls below one half.
    loss = way(seen, torch.tensor([[0.5, 0.5], [0.75, 0.25]]), 1.0)
    assert way.sure.tolist() == pytest.approx([0.54, 0.27])
    assert float(loss) == pytest.approx(math.log(4) / 2)


def test_what_is_counted_is_a_running_share() -> None:
    way = made(balanced=True)
    way(SEEN, PARTLY, 1.0)
    assert way.sure.tolist() == pytest.approx([0.025, 0.025])


def test_one_row_and_none() -> None:
    assert float(made(balanced=True)(SEEN[:1], PARTLY[:1], 1.0)) == pytest.approx(-math.log(0.6))


def test_a_chance_of_nothing_costs_a_finite_amount() -> None:
    assert math.isfinite(float(made()(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 1.0)))


def test_questions_of_every_kind() -> None:
    assert distributions(torch.tensor([[0.25]]), several=False).tolist() == [[0.75, 0.25]]
    assert distributions(torch.tensor([[0.25, 0.5]]), several=True).tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert distributions(torch.tensor([[0.25, 0.75]]), several=False).tolist() == [[0.25, 0.75]]
