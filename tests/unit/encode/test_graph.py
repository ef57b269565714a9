"""Facts pooled into one vector: by hand, against NumPy, and what holds for every way of pooling."""

from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from plait.encode.graph import AnyGraph, Attentive, GraphEncoder, Mean, build_graph

WAYS = [settings() for settings in get_args(get_args(AnyGraph)[0])]


def label(settings: object) -> str:
    return str(settings.kind)


def made(settings, width: int = 4) -> GraphEncoder:
    """Build an encoder whose kinds of fact differ."""
    torch.manual_seed(2)
    built = build_graph(settings, 3, 5, width)
    with torch.no_grad():
        built.gain.normal_()
        built.shift.normal_()
    return built


def facts(rows: int, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return neighbours, positions and kinds; the last row has no fact, the others at least one."""
    draw = torch.Generator().manual_seed(rows + most)
    positions = torch.randint(1, 7, (rows, most), generator=draw)
    positions[:, 1:] *= torch.rand(rows, max(most - 1, 0), generator=draw) < 0.6
    positions[-1:] = 0
    return torch.randn(7, 3, generator=draw), positions, torch.randint(5, (rows, most), generator=draw)


def test_mean_by_hand() -> None:
    encoder = Mean(1, 2, 1)
    with torch.no_grad():
        encoder.project.weight.fill_(2.0)
        encoder.project.bias.fill_(1.0)
        encoder.gain[:, 0] = torch.tensor([0.0, 0.5])
        encoder.shift[:, 0] = torch.tensor([0.0, -1.0])
        encoder.absent.fill_(9.0)
    neighbours = torch.tensor([[0.0], [1.0], [2.0]])
    positions, kinds = torch.tensor([[1, 2, 0], [0, 2, 2], [0, 0, 0]]), torch.tensor([[0, 1, 1], [0, 0, 1], [1, 1, 1]])
    # Projected: 1, 3, 5; of kind 1 the third is 1.5 * 5 - 1 = 6.5.
    assert encoder(neighbours, positions, kinds)[:, 0].tolist() == [(3 + 6.5) / 2, (5 + 6.5) / 2, 9.0]


def test_attention_against_numpy() -> None:
    encoder = made(Attentive.Settings(hidden=6))
    assert isinstance(encoder, Attentive)
    neighbours, positions, kinds = facts(5, 4)
    projected = neighbours.numpy() @ encoder.project.weight.detach().numpy().T + encoder.project.bias.detach().numpy()
    gain, shift = encoder.gain.detach().numpy(), encoder.shift.detach().numpy()
    look, bias = encoder.look.weight.detach().numpy(), encoder.look.bias.detach().numpy()
    score = encoder.score.weight.detach().numpy()[0]
    found = encoder(neighbours, positions, kinds).detach().numpy()
    for row in range(4):
        there = np.flatnonzero(positions[row].numpy())
        said = np.stack([projected[positions[row, k]] * (1 + gain[kinds[row, k]]) + shift[kinds[row, k]] for k in there])
        weight = np.exp(np.tanh(said @ look.T + bias) @ score)
        assert np.allclose(found[row], (weight / weight.sum()) @ said, atol=1e-5)
    assert np.allclose(found[4], encoder.absent.detach().numpy())


@pytest.mark.parametrize("settings", WAYS, ids=label)
@pytest.mark.parametrize("shape", [(0, 3), (1, 0), (1, 1), (1, 5), (6, 4)])
def test_one_vector_per_row_whatever_is_known(settings, shape: tuple[int, int]) -> None:
    encoder = made(settings)
    found = encoder(*facts(*shape))
    assert found.shape == (shape[0], 4)
    assert found.isfinite().all()
    assert torch.equal(found[-1:], encoder.absent.expand(len(found[-1:]), -1))


@pytest.mark.parametrize("settings", WAYS, ids=label)
def test_neither_order_nor_padding_matters(settings) -> None:
    encoder = made(settings)
    neighbours, positions, kinds = facts(6, 4)
    found = encoder(neighbours, positions, kinds)
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(encoder(neighbours, positions[:, order], kinds[:, order]), found, atol=1e-6)
    padded = torch.cat([positions, torch.zeros(6, 3, dtype=torch.long)], dim=1)
    assert torch.allclose(encoder(neighbours, padded, torch.cat([kinds, kinds[:, :3]], dim=1)), found, atol=1e-6)
    assert torch.allclose(encoder(neighbours, positions[1:2], kinds[1:2]), found[1:2], atol=1e-6)


@pytest.mark.parametrize("settings", WAYS, ids=label)
def test_the_kind_of_a_fact_matters(settings) -> None:
    encoder = made(settings)
    neighbours, positions, kinds = facts(6, 4)
    changed = encoder(neighbours, positions, (kinds + 1) % 5) - encoder(neighbours, positions, kinds)
    assert bool((changed[:-1].abs().amax(1) > 1e-3).all())


@pytest.mark.parametrize("settings", WAYS, ids=label)
def test_every_parameter_learns_also_in_bfloat16(settings) -> None:
    encoder = made(settings)
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(*facts(32, 4))
    (found.float() * torch.randn(32, 4)).sum().backward()
    still = [
        name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any() or not p.grad.isfinite().all()
    ]
    assert still == []
