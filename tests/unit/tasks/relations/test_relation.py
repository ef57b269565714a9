"""The link between log odds: by hand, against float64, and never above either side."""

import math

import numpy as np
import torch

from plait.tasks.relations.relation import both


def test_by_hand() -> None:
    # 1/2 * 1/2 = 1/4, whose log odds are -log 3.
    assert math.isclose(both(torch.zeros(1), torch.zeros(1)).item(), -math.log(3), rel_tol=1e-6)
    # 3/4 * 1/3 = 1/4.
    assert math.isclose(both(torch.tensor([math.log(3)]), torch.tensor([-math.log(2)])).item(), -math.log(3), rel_tol=1e-6)


def test_it_is_the_log_odds_of_the_product() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.uniform(-15, 15, (2, 2000))
    product = 1 / (1 + np.exp(-a)) / (1 + np.exp(-b))
    wanted = np.log(product) - np.log1p(-product)
    found = both(torch.tensor(a), torch.tensor(b)).numpy()
    assert np.allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_finite_where_the_product_is_zero_or_one() -> None:
    a = torch.tensor([-200.0, 200.0, 200.0, -1e30, 1e30, -3e4], requires_grad=True)
    b = torch.tensor([-300.0, 300.0, -200.0, 1e30, 1e30, -3e4], requires_grad=True)
    found = both(a, b)
    assert found.detach().isfinite().all()
    assert found[0] == -500
    assert found[2] == -200
    found.sum().backward()
    assert a.grad is not None
    assert b.grad is not None
    assert a.grad.isfinite().all()
    assert b.grad.isfinite().all()


def test_never_above_either_side_in_a_million_draws() -> None:
    draw = torch.Generator().manual_seed(3)
    for size in (1.0, 20.0, 500.0):
        a, b = torch.randn(2, 1_000_000, generator=draw) * size
        for one, two in ((a, b), (a.bfloat16().float(), b.bfloat16().float())):
            found = both(one, two)
            assert bool((found <= one).all())
            assert bool((found <= two).all())
            least = torch.minimum(torch.sigmoid(one), torch.sigmoid(two))
            assert bool((torch.minimum(torch.sigmoid(found), least) <= least).all())
            assert float((torch.sigmoid(found) - least).max()) < 2e-7
