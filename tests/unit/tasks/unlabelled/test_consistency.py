"""Two readings that should agree: worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from plait.tasks.unlabelled.consistency import Consistency


def made(**changes: object) -> Consistency:
    return Consistency(Consistency.Settings.model_validate({"weight": 1.0, "after": 0.0, **changes}))


ONE, OTHER = torch.tensor([[0.5, 0.5], [0.2, 0.8]]), torch.tensor([[0.25, 0.75], [0.2, 0.8]])


def test_kl_both_ways() -> None:
    way = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    back = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert float(made()(ONE, OTHER, 1.0)) == pytest.approx((way + back) / 2 / 2)


def test_mse() -> None:
    assert float(made(distance="mse")(ONE, OTHER, 1.0)) == pytest.approx(0.0625 / 2)


@pytest.mark.parametrize("distance", ["kl", "mse"])
def test_it_is_symmetric_and_zero_where_both_agree(distance: str) -> None:
    way = made(distance=distance)
    assert float(way(ONE, OTHER, 1.0)) == pytest.approx(float(way(OTHER, ONE, 1.0)))
    assert float(way(ONE, ONE, 1.0)) == 0
    assert math.isfinite(float(way(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 1.0)))


def test_gradients_flow_through_both() -> None:
    one, other = ONE.clone().requires_grad_(), OTHER.clone().requires_grad_()
    made()(one, other, 1.0).backward()
    assert one.grad is not None
    assert other.grad is not None
    assert one.grad[0].abs().sum() > 0
    assert other.grad[0].abs().sum() > 0


def test_the_weight_rises_with_the_training() -> None:
    whole = float(made()(ONE, OTHER, 1.0))
    assert float(made(after=0.2)(ONE, OTHER, 0.2)) == 0
    assert float(made(after=0.2)(ONE, OTHER, 0.4)) == pytest.approx(whole / 2)
