import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plait.balance import MoCo, build_balancer
from support.simplex import projected

THERE = torch.ones(2, dtype=torch.bool)


def built(tasks: int = 2, **settings: object) -> MoCo:
    balancer = build_balancer(MoCo.Settings.model_validate(settings), ["a", "b", "c"][:tasks], [1.0] * tasks)
    assert isinstance(balancer, MoCo)
    return balancer


def step(balancer: MoCo, moved: nn.Parameter, rows: Tensor, present: Tensor = THERE) -> tuple[Tensor, Tensor]:
    moved.grad = None
    losses = torch.stack([row @ moved if there else torch.zeros(()) for row, there in zip(rows, present, strict=True)])
    weights = balancer.backward(losses, present, [moved], [[] for _ in rows])
    assert moved.grad is not None
    return weights, moved.grad


@pytest.mark.parametrize("at", ["auto", "parameters"])
@pytest.mark.parametrize("decay", [True, False])
def test_it_follows_the_pseudo_code(at: str, decay: bool) -> None:
    draw = np.random.default_rng(1)
    settings = {"beta": 0.4, "gamma": 0.3, "rho": 0.1, "relative": False, "at": at, "decay": decay}
    balancer, moved = built(**settings), nn.Parameter(torch.zeros(3))
    balancer.begin([moved])
    followed, share = np.zeros((2, 3)), np.full(2, 0.5)
    for k in range(1, 8):
        rows = draw.normal(size=(2, 3))
        pace = k**0.5 if decay else 1.0
        followed = rows if k == 1 else followed - 0.4 / pace * (followed - rows)
        share = projected(share - 0.3 / pace * (followed @ followed.T + 0.1 * np.eye(2)) @ share)
        weights, gradient = step(balancer, moved, torch.tensor(rows).float())
        assert np.allclose(weights.numpy(), share, atol=1e-5)
        made_of = followed if at == "parameters" else rows
        assert np.allclose(gradient.numpy(), share @ made_of, atol=1e-5)


def test_on_gradients_without_noise_it_finds_the_least_norm() -> None:
    balancer, moved = built(gamma=0.5, decay=False), nn.Parameter(torch.zeros(2))
    rows = torch.tensor([[4.0, 1.0], [-1.0, 1.0]])
    for _ in range(200):
        weights, gradient = step(balancer, moved, rows)
    assert torch.allclose(weights, torch.tensor([0.2, 0.8]), atol=1e-3)
    assert torch.allclose(gradient, torch.tensor([0.0, 1.0]), atol=1e-2)


def test_noise_does_not_pull_the_weights() -> None:
    draw = torch.Generator().manual_seed(0)
    truth = torch.tensor([[2.0, 1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    found = {}
    for beta in (0.02, 1.0):
        balancer, moved = built(beta=beta, gamma=0.05, decay=False), nn.Parameter(torch.zeros(4))
        for _ in range(600):
            noise = torch.randn(2, 4, generator=draw) * torch.tensor([[0.0], [4.0]])
            weights, _ = step(balancer, moved, truth + noise)
        found[beta] = float(weights[0])
    # Without noise the least norm is at 1/3; the noise of the second task makes its gradients look long.
    assert found[0.02] == pytest.approx(1 / 3, abs=0.12)
    assert found[1.0] > 0.6


def test_tasks_that_are_not_there_keep_their_part() -> None:
    balancer, moved = built(3, decay=False), nn.Parameter(torch.zeros(2))
    rows = torch.tensor([[4.0, 1.0], [-1.0, 1.0], [1.0, 1.0]])
    weights, _ = step(balancer, moved, rows, torch.tensor([True, True, False]))
    assert weights.sum() == pytest.approx(1.0)
    assert balancer.share.sum() == pytest.approx(1.0)
    assert balancer.share[2] == pytest.approx(1 / 3)
    assert balancer.looks.tolist() == [1.0, 1.0, 0.0]
