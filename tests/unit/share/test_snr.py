from math import log

import numpy as np
import pytest
import torch

from plait.share import SNR
from support.forms import Array, linear, numpy, relu, sigmoid


def body(connection: str = "trans", **settings) -> SNR:
    torch.manual_seed(0)
    made = SNR(4, 2, SNR.Settings(connection=connection, subnetworks=3, layers=[6, 5], **settings))
    for name, parameter in made.named_parameters():
        torch.nn.init.normal_(parameter, std=2.0 if "opened" in name else 0.5)
    return made


def settled(opened: torch.Tensor) -> Array:
    return np.clip(1.2 * sigmoid(numpy(opened)) - 0.1, 0, 1)


def below(sharing: SNR, x: Array) -> list[Array]:
    return np.split(relu(linear(sharing.first, x)), 3, axis=1)


def test_trans_is_the_formula() -> None:
    sharing, x = body().eval(), torch.randn(1, 6, 4)
    v = below(sharing, numpy(x[0]))
    level = sharing.levels[0]
    open_ = settled(level.connections.opened).reshape(3, 3)
    matrices, bias = numpy(level.linear.weight).reshape(3, 5, 3, 6), numpy(level.linear.bias).reshape(3, 5)
    above = [relu(sum(open_[j, i] * v[i] @ matrices[j, :, i].T for i in range(3)) + bias[j]) for j in range(3)]
    found = numpy(sharing(x, [1, 0]))
    for place, task in enumerate((1, 0)):
        mine = sharing.tasks[task]
        z, matrix = settled(mine.connections.opened), numpy(mine.linear.weight).reshape(5, 3, 5)
        assert np.allclose(found[place], sum(z[i] * above[i] @ matrix[:, i].T for i in range(3)), atol=1e-5)


def test_aver_is_the_formula() -> None:
    sharing, x = body("aver").eval(), torch.randn(1, 6, 4)
    v = below(sharing, numpy(x[0]))
    level = sharing.levels[0]
    open_ = settled(level.connections.opened).reshape(3, 3)
    weight, bias = numpy(level.weight), numpy(level.bias)[:, 0]
    above = [relu(sum(open_[j, i] * v[i] for i in range(3)) @ weight[j] + bias[j]) for j in range(3)]
    found = numpy(sharing(x, [0, 1]))
    for task in (0, 1):
        z = settled(sharing.tasks[task].connections.opened)
        assert np.allclose(found[task], sum(z[i] * above[i] for i in range(3)), atol=1e-5)


def test_drawn_connections_are_open_as_often_as_the_penalty_counts() -> None:
    module = body().tasks[0].connections
    with torch.no_grad():
        module.opened.copy_(torch.tensor([-2.0, 0.0, 3.0]))
    drawn = torch.stack([module() for _ in range(4000)])
    assert ((drawn >= 0) & (drawn <= 1)).all()
    expected = torch.sigmoid(module.opened - 0.9 * log(0.1 / 1.1))
    assert torch.allclose((drawn > 0).float().mean(0), expected, atol=0.03)
    assert (drawn == 1).any(0)[2]
    assert (drawn == 0).any(0)[0]


def test_the_penalty_is_the_expected_number_of_open_connections() -> None:
    sharing = body(l0=0.5)
    x = torch.randn(1, 6, 4)
    sharing(x, [0])
    sharing(x, [1])
    logits = np.concatenate([numpy(p).ravel() for n, p in sharing.named_parameters() if "opened" in n])
    found = sharing.penalty()
    assert found is not None
    assert float(found.detach()) == pytest.approx(0.5 * sigmoid(logits - 0.9 * log(0.1 / 1.1)).sum(), rel=1e-5)
    assert sharing.penalty() is None
    sharing(x, [1])
    sharing.penalty().backward()
    assert sharing.tasks[0].connections.opened.grad is None, "a task that takes no part is left alone"
    sharing.eval()(x, [0])
    assert sharing.penalty() is None
    assert body(l0=0.0).penalty() is None


def test_penalty_closes_what_helps_nobody() -> None:
    torch.manual_seed(0)
    sharing = SNR(4, 1, SNR.Settings(subnetworks=3, layers=[8], l0=0.05))
    optimiser = torch.optim.Adam(sharing.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        x = torch.randn(1, 32, 4)
        loss = (sharing(x, [0])[0].mean(1) - x[0, :, 0]).square().mean()
        added = sharing.penalty()
        assert added is not None
        (loss + added).backward()
        optimiser.step()
    open_ = settled(sharing.tasks[0].connections.opened)
    assert (open_ < 0.1).any()
    assert (open_ > 0.5).any()
    assert float(loss.detach()) < 0.5


def test_shut_connections_are_exactly_cut() -> None:
    sharing = body().eval()
    with torch.no_grad():
        sharing.tasks[0].connections.opened.copy_(torch.tensor([9.0, -9.0, -9.0]))
    shares = sharing.gates(torch.randn(1, 2, 4), [0])["sub-networks"]
    assert torch.allclose(shares, torch.tensor([[1.0, 0.0, 0.0]]), atol=1e-5)
    with torch.no_grad():
        sharing.tasks[0].connections.opened.fill_(-9.0)
    assert not sharing(torch.randn(1, 2, 4), [0]).any()
    assert torch.allclose(sharing.gates(torch.randn(1, 2, 4), [0])["sub-networks"], torch.full((1, 3), 1 / 3))
