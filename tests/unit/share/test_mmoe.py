import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.share import MMoE
from plait.share.expert import Gate, mixture
from support.forms import linear, normalised, numpy, relu


def test_the_mixture_is_the_formula() -> None:
    sharing = MMoE(4, 2, MMoE.Settings(experts=3, expert=[5, 2]))
    for gate in sharing.gate:
        torch.nn.init.normal_(gate.linear.weight)
    x = torch.randn(1, 6, 4)
    experts = torch.stack([expert(x[0]) for expert in sharing.experts])
    for task in (0, 1):
        share = torch.softmax(sharing.gate[task].linear(x[0]), dim=1)
        by_hand = torch.einsum("be,ebh->bh", share, experts)
        assert torch.allclose(sharing(x, [1, 0])[1 - task], by_hand, atol=1e-6)


def test_one_expert_is_a_shared_bottom() -> None:
    sharing = MMoE(4, 2, MMoE.Settings(experts=1, expert=[5, 2]))
    x = torch.randn(1, 6, 4)
    out = sharing(x, [0, 1])
    assert torch.allclose(out[0], sharing.experts[0](x[0]))
    assert torch.allclose(out[0], out[1])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_normalised_experts_speak_equally_loud(dropout: float) -> None:
    sharing = MMoE(4, 2, MMoE.Settings(experts=3, expert=[5, 16], dropout=dropout, normalise=True)).eval()
    x = torch.randn(32, 4) * torch.tensor([1.0, 100.0, 0.01, 1.0])
    found = numpy(torch.stack([expert(x) for expert in sharing.experts]))
    for number, expert in enumerate(sharing.experts):
        linears = [layer for layer in expert if isinstance(layer, torch.nn.Linear)]
        norm = next(layer for layer in expert if isinstance(layer, torch.nn.LayerNorm))
        before = normalised(linear(linears[1], relu(linear(linears[0], numpy(x)))), norm)
        assert np.allclose(found[number], before / (1 + np.exp(-before)), atol=1e-4)


def test_gates_start_uniform() -> None:
    sharing = MMoE(4, 2, MMoE.Settings(experts=4, expert=[2]))
    assert torch.allclose(sharing.gates(torch.randn(1, 6, 4), [0, 1])["experts"], torch.full((2, 4), 0.25))


def test_gate_dropout_leaves_experts_out_and_the_rest_adds_to_one() -> None:
    gate = Gate(3, 4, 0.5)
    weights = gate(torch.randn(200, 3))
    assert torch.allclose(weights.sum(1), torch.ones(200))
    assert 0.3 < (weights == 0).float().mean() < 0.6
    assert (gate.eval()(torch.randn(5, 3)) > 0).all()


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(0, 4), experts=st.integers(1, 4), tasks=st.integers(1, 3))
def test_mixture_of_any_size(rows: int, experts: int, tasks: int) -> None:
    vectors = [torch.randn(rows, 3) for _ in range(experts)]
    gates = [torch.rand(rows, experts) for _ in range(tasks)]
    found = mixture(vectors, gates)
    for task, gate in enumerate(gates):
        by_hand = sum((gate[:, e : e + 1] * vectors[e] for e in range(experts)), torch.zeros(rows, 3))
        assert torch.allclose(found[task], by_hand, atol=1e-5)


def test_in_bfloat16_the_input_is_cast_once() -> None:
    sharing = MMoE(4, 2, MMoE.Settings(experts=3, expert=[5, 2]))
    x = torch.randn(1, 64, 4)
    with torch.autocast("cpu", torch.bfloat16):
        half = sharing(x, [0, 1])
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), sharing(x, [0, 1]), atol=0.05)
