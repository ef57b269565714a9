import numpy as np
import pytest
import torch
from torch import Tensor, nn

from plait.balance import DBMTL, build_balancer

THERE = torch.ones(2, dtype=torch.bool)


def built(**settings: object) -> DBMTL:
    balancer = build_balancer(DBMTL.Settings.model_validate(settings), ["a", "b"], [1.0, 1.0])
    assert isinstance(balancer, DBMTL)
    return balancer


def step(balancer: DBMTL, moved: nn.Parameter, rows: Tensor, offsets: tuple[float, float]) -> tuple[Tensor, Tensor]:
    moved.grad = None
    losses = rows @ moved + torch.tensor(offsets)
    weights = balancer.backward(losses, THERE, [moved], [[], []])
    assert moved.grad is not None
    return weights, moved.grad


@pytest.mark.parametrize("at", ["auto", "parameters"])
def test_one_step_by_hand(at: str) -> None:
    # Log gradients (3, 4) / 2 and (0, 1) / 4: lengths 2.5 and 0.25; both are brought to 2.5.
    balancer, moved = built(at=at), nn.Parameter(torch.zeros(2))
    balancer.begin([moved])
    _, gradient = step(balancer, moved, torch.tensor([[3.0, 4.0], [0.0, 1.0]]), (2.0, 4.0))
    assert torch.allclose(gradient, torch.tensor([1.5, 2.0 + 2.5]) / 2, atol=1e-5)


def test_the_scale_of_a_loss_drops_out() -> None:
    found = []
    for scale in (1.0, 1000.0):
        balancer, moved = built(), nn.Parameter(torch.zeros(2))
        rows = torch.tensor([[3.0, 4.0], [0.0, scale]])
        found.append(step(balancer, moved, rows, (2.0, 4.0 * scale))[1])
    assert torch.allclose(found[0], found[1], rtol=1e-4)


def test_at_the_parameters_it_follows_the_pseudo_code() -> None:
    draw = np.random.default_rng(0)
    balancer, moved = built(at="parameters", beta=0.8), nn.Parameter(torch.zeros(3))
    balancer.begin([moved])
    average = np.zeros((2, 3))
    for k in range(1, 6):
        rows, offsets = draw.normal(size=(2, 3)), draw.uniform(1, 2, 2)
        log_gradients = rows / (offsets[:, None] + 1e-8)
        beta = 0.8 / k**0.5 if k > 1 else 0.0
        average = beta * average + (1 - beta) * log_gradients
        lengths = np.linalg.norm(average, axis=1)
        expected = (average * (lengths.max() / lengths)[:, None]).mean(0)
        _, gradient = step(balancer, moved, torch.tensor(rows).float(), (float(offsets[0]), float(offsets[1])))
        assert np.allclose(gradient.numpy(), expected, atol=1e-5)


def test_looked_up_rows_get_the_gradients_of_this_step() -> None:
    balancer, moved = built(at="parameters"), nn.Parameter(torch.zeros(1))
    balancer.begin([moved])
    for _ in range(2):
        looked = torch.zeros(2, requires_grad=True)
        losses = torch.stack([looked[0] * 3 + moved[0] * 4 + 1, looked[1] + 1])
        moved.grad = None
        balancer.backward(losses, THERE, [moved, looked], [[], []])
        assert looked.grad is not None
        assert torch.allclose(looked.grad, torch.tensor([3.0, 5.0]) / 2)
        assert torch.allclose(moved.grad, torch.tensor([4.0]) / 2)


def test_elsewhere_the_lengths_are_averaged() -> None:
    balancer, moved = built(beta=0.5), nn.Parameter(torch.zeros(2))
    step(balancer, moved, torch.tensor([[1.0, 0.0], [0.0, 1.0]]), (1.0, 1.0))
    _, gradient = step(balancer, moved, torch.tensor([[3.0, 0.0], [0.0, 1.0]]), (1.0, 1.0))
    keep = 0.5 / 2**0.5
    length = (keep * 1 + (1 - keep) * 9) ** 0.5
    assert torch.allclose(gradient, torch.tensor([3.0, length]) / 2, atol=1e-4)


def test_what_is_remembered_has_one_shape() -> None:
    balancer = built(at="parameters")
    balancer.begin([nn.Parameter(torch.zeros(2, 3))])
    assert {name: tuple(b.shape) for name, b in balancer.state_dict().items()} == {
        "looks": (2,),
        "square": (2,),
        "average_0": (2, 2, 3),
    }
