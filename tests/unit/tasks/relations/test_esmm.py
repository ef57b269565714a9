"""ESMM: the loss on the entire space by hand, against the product in float64, and its gradients."""

import math

import numpy as np
import torch

from plait.tasks import Chain
from plait.tasks.relations.esmm import ESMM
from plait.tasks.relations.relation import Told
from support.heads import head


def test_the_loss_is_that_of_the_product() -> None:
    draw = np.random.default_rng(2)
    click, buy = draw.normal(size=(2, 50)) * 3
    label = (draw.random(50) < 0.3).astype(np.float64)
    product = 1 / (1 + np.exp(-click)) / (1 + np.exp(-buy))
    wanted = -label * np.log(product) - (1 - label) * np.log(1 - product)
    chain = Chain({"buy": ["click"]}, {"buy": ESMM()})
    heads = {name: head("binary") for name in chain.order}
    vectors = {name: torch.zeros(50, 3) for name in chain.order}
    found = chain(vectors, heads)
    linked = found["buy"]
    # The heads say 0 everywhere; put the drawn numbers where they spoke.
    numbers = {"click": torch.tensor(click).float()[:, None], "buy": torch.tensor(buy).float()[:, None]}
    output = heads["buy"].under(numbers["buy"], numbers["click"][:, 0])
    told = Told(torch.tensor(label).float()[:, None], None, torch.ones(50))
    losses = ESMM().losses(heads["buy"], type(linked)(linked.vector, linked.alone, output, None, ()), told)
    assert np.allclose(losses.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_by_hand() -> None:
    buy = head("binary")
    output = buy.under(torch.zeros(2, 1), torch.tensor([math.log(3.0)] * 2))  # 3/4 * 1/2 = 3/8
    losses = buy.losses(output, torch.tensor([[1.0], [0.0]]), None)
    assert torch.allclose(losses, torch.tensor([math.log(8 / 3), math.log(8 / 5)]))


def test_the_gradient_is_that_of_the_product() -> None:
    click, buy = (torch.tensor([0.4], dtype=torch.float64, requires_grad=True) for _ in range(2))
    tied = head("binary")
    tied.losses(tied.under(buy[:, None], click), torch.tensor([[1.0]], dtype=torch.float64), None).backward()
    # d/da -log(sigmoid(a) sigmoid(b)) = sigmoid(a) - 1, and alike for b.
    slope = 1 / (1 + math.exp(-0.4)) - 1
    assert click.grad is not None
    assert buy.grad is not None
    assert math.isclose(click.grad.item(), slope, rel_tol=1e-9)
    assert math.isclose(buy.grad.item(), slope, rel_tol=1e-9)
