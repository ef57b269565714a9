import pytest
import torch
from torch import nn

from plait.share.bank import bank
from plait.share.expert import Gate, layers, mix, mixture, weigh


def _networks(sizes: list[int], count: int = 3, dropout: float = 0.0) -> nn.ModuleList:
    torch.manual_seed(5)
    found = nn.ModuleList(layers(7, sizes, dropout) for _ in range(count))
    for parameter in found.parameters():
        nn.init.normal_(parameter)
    return found


def _gradients(vectors: torch.Tensor, x: torch.Tensor, networks: nn.ModuleList) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, vectors.numel()).view(vectors.shape)
    return list(torch.autograd.grad((vectors * weights).sum(), [x, *networks.parameters()]))


@pytest.mark.parametrize("sizes", [[4], [6, 4], [6, 5, 4]])
@pytest.mark.parametrize("rows", [0, 1, 9])
def test_a_bank_is_the_networks_one_by_one(sizes: list[int], rows: int) -> None:
    networks = _networks(sizes)
    x = torch.randn(rows, 7, requires_grad=True)
    by_hand = torch.stack([network(x) for network in networks], dim=1)
    found = bank(networks, x)
    assert torch.allclose(found, by_hand, atol=1e-5)
    for here, there in zip(_gradients(found, x, networks), _gradients(by_hand, x, networks), strict=True):
        assert torch.allclose(here, there, atol=1e-4)
    with torch.no_grad():
        assert torch.allclose(bank(networks, x), by_hand, atol=1e-5)


def test_in_bfloat16_parameters_get_gradients_in_float32() -> None:
    networks = _networks([6, 4])
    x = torch.randn(64, 7, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = bank(networks, x)
        by_hand = torch.stack([network(x.bfloat16()) for network in networks], dim=1)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, by_hand)
    for here, there in zip(_gradients(found, x, networks), _gradients(by_hand, x, networks), strict=True):
        assert here.dtype == torch.float32
        assert torch.allclose(here, there, rtol=0.02, atol=0.02 * float(there.abs().max()))


def test_what_is_frozen_gets_no_gradient() -> None:
    networks = _networks([6, 4])
    networks[1].requires_grad_(False)
    x = torch.randn(5, 7)
    bank(networks, x).sum().backward()
    assert x.grad is None
    assert all(parameter.grad is None for parameter in networks[1].parameters())
    assert all(parameter.grad is not None for parameter in networks[0].parameters())


def test_the_gradient_handed_in_is_left_alone() -> None:
    networks = _networks([6, 4])
    found = bank(networks, torch.randn(5, 7))
    grad = torch.ones_like(found)
    torch.autograd.backward([found], [grad], retain_graph=True)
    assert torch.equal(grad, torch.ones_like(found))
    once = [parameter.grad.clone() for parameter in networks.parameters()]
    torch.autograd.backward([found], [grad])
    for parameter, first in zip(networks.parameters(), once, strict=True):
        assert torch.allclose(parameter.grad, 2 * first)


def test_dropout_is_kept() -> None:
    networks = _networks([40], dropout=0.5)
    x = torch.ones(50, 7)
    assert (bank(networks, x) == 0).float().mean() > (bank(networks.eval(), x) == 0).float().mean() + 0.1


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gates_together_are_the_gates_one_by_one(dropout: float) -> None:
    gates = [Gate(7, 3, dropout) for _ in range(2)]
    for gate in gates:
        nn.init.normal_(gate.linear.weight)
        gate.eval()
    x, experts = torch.randn(5, 7), torch.randn(5, 3, 4)
    together = weigh(gates, x)
    assert torch.allclose(together, torch.stack([gate(x) for gate in gates], dim=1), atol=1e-6)
    assert torch.allclose(mix(experts, together), mixture(experts.unbind(1), [gate(x) for gate in gates]), atol=1e-6)
    for gate in gates:
        gate.train()
    assert torch.allclose(weigh(gates, x).sum(-1), torch.ones(5, 2))
