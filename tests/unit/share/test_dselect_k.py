import math

import numpy as np
import pytest
import torch

from plait.errors import RecipeError
from plait.recipe import load_recipe
from plait.share import MMoE
from plait.share.dselect_k import DSelectK


def smooth_step(z: float, width: float) -> float:
    if z <= -width / 2:
        return 0.0
    if z >= width / 2:
        return 1.0
    return -2 / width**3 * z**3 + 3 / (2 * width) * z + 0.5


def code_weights(z: np.ndarray, width: float) -> np.ndarray:
    """Weigh all codes of one selector, bit by bit as the paper has it."""
    codes = range(2 ** len(z))
    steps = [smooth_step(float(number), width) for number in z]
    return np.array([math.prod(s if code >> j & 1 else 1 - s for j, s in enumerate(steps)) for code in codes])


def by_hand(z: np.ndarray, a: np.ndarray, experts: int, width: float) -> np.ndarray:
    share = np.exp(a) / np.exp(a).sum()
    found = np.zeros(experts)
    for selector in range(len(a)):
        for code, weight in enumerate(code_weights(z[selector], width)):
            found[code % experts] += share[selector] * weight
    return found


def gate_of(experts: int, **settings) -> DSelectK:
    torch.manual_seed(experts)
    gate = DSelectK(3, experts, DSelectK.Settings(**settings))
    for parameter in gate.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return gate


@pytest.mark.parametrize("experts", [2, 3, 4, 5, 8, 11])
def test_a_static_gate_is_the_formula(experts: int) -> None:
    gate = gate_of(experts, selectors=2, step=1.3)
    numbers = gate.bias.detach().double().numpy().reshape(2, -1)
    expected = by_hand(numbers[:, 1:], numbers[:, 0], experts, 1.3)
    weights = gate(torch.randn(4, 3))
    assert weights.shape == (4, experts)
    np.testing.assert_allclose(weights[3].detach().numpy(), expected, atol=1e-6)


def test_each_example_has_its_own_choice() -> None:
    gate = gate_of(5, selectors=3, per_example=True)
    assert gate.weight is not None
    x = torch.randn(6, 3)
    numbers = (x @ gate.weight.T + gate.bias).detach().double().numpy().reshape(6, 3, -1)
    expected = [by_hand(row[:, 1:], row[:, 0], 5, 1.0) for row in numbers]
    np.testing.assert_allclose(gate(x).detach().numpy(), np.stack(expected), atol=1e-6)


@pytest.mark.parametrize("per_example", [True, False])
def test_the_entropy_is_that_of_the_codes(per_example: bool) -> None:
    gate = gate_of(8, selectors=2, per_example=per_example, entropy=0.5)
    x = torch.randn(6, 3)
    gate(x)
    (added,) = gate.penalty()
    assert gate.penalty() == []
    numbers = gate.bias[None] if gate.weight is None else x @ gate.weight.T + gate.bias
    entropy = 0.0
    for row in numbers.detach().double().numpy().reshape(-1, 2, 4):
        for selector in row:
            weights = code_weights(selector[1:], 1.0)
            entropy -= (weights[weights > 0] * np.log(weights[weights > 0])).sum() / len(numbers)
    assert float(added.detach()) == pytest.approx(0.5 * entropy, rel=1e-4)


def test_settled_selectors_give_exact_zeros_and_finite_gradients() -> None:
    gate = DSelectK(3, 4, DSelectK.Settings(selectors=2, entropy=1.0))
    with torch.no_grad():
        gate.bias.copy_(torch.tensor([0.0, 0.6, -0.7, math.log(3), -0.5, 2.0]))
    weights = gate(torch.randn(1, 3))
    assert torch.allclose(weights[0], torch.tensor([0.0, 0.25, 0.75, 0.0]))
    assert (weights[0, [0, 3]] == 0).all()
    (weights.square().sum() + gate.penalty()[0]).backward()
    assert gate.bias.grad is not None
    assert gate.bias.grad.isfinite().all()


def test_evaluation_rounds_what_has_all_but_decided_and_nothing_else() -> None:
    gate = DSelectK(3, 4, DSelectK.Settings(selectors=1))
    with torch.no_grad():
        gate.bias.copy_(torch.tensor([0.0, 0.4, 0.0]))
    almost = smooth_step(0.4, 1.0)
    assert 0.95 < almost < 1
    x = torch.randn(1, 3)
    assert torch.allclose(gate(x)[0], torch.tensor([1 - almost, almost, 1 - almost, almost]) / 2)
    assert torch.equal(gate.eval()(x)[0], torch.tensor([0.0, 0.5, 0.0, 0.5]))


def test_nothing_is_remembered_without_gradient_or_in_evaluation() -> None:
    gate = DSelectK(3, 4, DSelectK.Settings())
    with torch.no_grad():
        gate(torch.randn(2, 3))
    gate.eval()(torch.randn(2, 3))
    assert gate.penalty() == []


def test_training_ends_on_k_experts_and_the_rest_rest() -> None:
    torch.manual_seed(0)
    sharing = MMoE(6, 2, MMoE.Settings(experts=6, expert=[8], gate=DSelectK.Settings(selectors=2, entropy=0.1)))
    optimiser = torch.optim.Adam(sharing.parameters(), lr=0.05)
    x = torch.randn(1, 32, 6)
    labels = torch.stack([x[0, :, 0].relu(), x[0, :, 1].relu()])
    for _ in range(60):
        optimiser.zero_grad()
        loss = (sharing(x, [0, 1])[:, :, 0] - labels).square().mean()
        penalty = sharing.penalty()
        assert penalty is not None
        (loss + penalty).backward()
        optimiser.step()
    use = sharing.gates(x, [0, 1])["experts"]
    assert ((use > 0).sum(1) <= 2).all()
    before = sharing(x, [1])
    ran: list[int] = []
    for number, expert in enumerate(sharing.experts):
        expert.register_forward_hook(lambda *_, number=number: ran.append(number))
    assert torch.allclose(sharing.eval()(x, [1]), before, atol=1e-5)
    assert ran == use[1].nonzero().flatten().tolist()


def test_what_does_not_fit_is_refused() -> None:
    def read(sharing: dict[str, object]) -> str:
        tasks = {"t": {"kind": "binary", "table": "rows", "label": "y"}}
        recipe = {"name": "n", "tables": {"rows": {"source": "x.csv"}}, "tasks": tasks, "model": {"sharing": sharing}}
        with pytest.raises(RecipeError) as found:
            load_recipe(recipe)
        return str(found.value)

    words = read({"kind": "mmoe", "experts": 2, "gate": {"kind": "dselect_k", "selectors": 3}})
    assert "`gate.selectors` should be at most `experts`, which is 2" in words
    assert "Found 3." in words
    assert "`gate_dropout` should be 0 with `gate: dselect_k`" in read(
        {"kind": "mmoe", "gate": "dselect_k", "gate_dropout": 0.1}
    )
