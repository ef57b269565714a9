import pytest
import torch
from torch import Tensor, nn

from plait.balance import Average, UPGrad, build_balancer
from plait.errors import RecipeError
from plait.share import Inputs, MMoE, SharedBottom, Sharing, build_sharing

CONFLICT = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])


def test_agrees_with_torchjd_on_a_conflict() -> None:
    from torchjd.aggregation import UPGrad as Reference

    moved = nn.Parameter(torch.zeros(3))
    balancer = build_balancer(UPGrad.Settings(), ["a", "b"], [1.0, 1.0])
    weights = balancer.backward(CONFLICT @ moved, torch.ones(2, dtype=torch.bool), [moved], [[], []])
    assert moved.grad is not None
    assert torch.allclose(moved.grad, Reference()(CONFLICT), atol=1e-3)
    assert torch.allclose(moved.grad, torch.tensor([0.2929, 1.9004, 1.9004]), atol=1e-3)
    assert torch.allclose(weights @ CONFLICT, moved.grad, atol=1e-5)
    assert bool((CONFLICT @ moved.grad > -1e-4).all()), "along the update no loss may rise"


def test_agrees_with_torchjd_on_a_network() -> None:
    from torchjd.aggregation import UPGrad as Reference
    from torchjd.autojac import jac

    torch.manual_seed(0)
    trunk = nn.Linear(4, 5)
    heads = [nn.Linear(5, 1) for _ in range(3)]
    x, y = torch.randn(8, 4), torch.randn(3, 8)

    def losses() -> Tensor:
        hidden = torch.relu(trunk(x))
        return torch.stack([(head(hidden)[:, 0] - target).square().mean() for head, target in zip(heads, y, strict=True)])

    shared = list(trunk.parameters())
    jacobian = torch.cat([part.flatten(1) for part in jac(losses(), shared)], dim=1)
    expected = Reference()(jacobian)
    balancer = build_balancer(UPGrad.Settings(), ["a", "b", "c"], [1.0, 1.0, 1.0])
    balancer.backward(losses(), torch.ones(3, dtype=torch.bool), shared, [list(head.parameters()) for head in heads])
    found = torch.cat([p.grad.flatten() for p in shared if p.grad is not None])
    assert torch.allclose(found, expected, atol=1e-3)


def test_what_only_one_task_reads_gets_its_own_gradient() -> None:
    moved, own = nn.Parameter(torch.ones(3)), [nn.Parameter(torch.ones(1)) for _ in range(2)]
    losses = torch.stack([(row @ moved) * mine for row, mine in zip(CONFLICT, own, strict=True)])[:, 0]
    balancer = build_balancer(UPGrad.Settings(), ["a", "b"], [1.0, 1.0])
    balancer.backward(losses, torch.ones(2, dtype=torch.bool), [moved], [[mine] for mine in own])
    assert own[0].grad is not None
    assert own[1].grad is not None
    assert own[0].grad.item() == -2 / 2
    assert own[1].grad.item() == 8 / 2


def test_without_conflict_it_is_the_average() -> None:
    agreeing = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    found = []
    for settings in (Average.Settings(), UPGrad.Settings()):
        moved = nn.Parameter(torch.zeros(2))
        balancer = build_balancer(settings, ["a", "b"], [1.0, 1.0])
        balancer.backward(agreeing @ moved, torch.ones(2, dtype=torch.bool), [moved], [[], []])
        found.append(moved.grad)
    assert torch.allclose(found[0], found[1], atol=1e-4)


def test_a_gradient_that_is_not_finite_reaches_the_shared_part() -> None:
    moved = nn.Parameter(torch.ones(3))
    losses = torch.stack([moved.sum(), moved.sum() * float("inf")])
    balancer = build_balancer(UPGrad.Settings(), ["a", "b"], [1.0, 1.0])
    weights = balancer.backward(losses, torch.ones(2, dtype=torch.bool), [moved], [[], []])
    assert moved.grad is not None
    assert not moved.grad.isfinite().any()
    assert not weights.isfinite().all()


def body_weights(sharing: Sharing, at: str, opposed: bool) -> Tensor:
    torch.manual_seed(1)
    x = torch.randn(1, 32, 6).requires_grad_()
    out = sharing(x, [0, 1])
    vector = torch.randn(sharing.width)
    losses = torch.stack([(out[0] @ vector).mean(), (out[1] @ vector).mean() * (-3 if opposed else 3)])
    balancer = build_balancer(UPGrad.Settings.model_validate({"at": at}), ["a", "b"], [1.0, 1.0])
    own = [sharing.own(0), sharing.own(1)]
    mine = {id(p) for some in own for p in some}
    shared = [p for p in sharing.parameters() if id(p) not in mine]
    return balancer.backward(losses, torch.ones(2, dtype=torch.bool), [*shared, x], own)


@pytest.mark.parametrize("settings", [SharedBottom.Settings(layers=[5]), MMoE.Settings(experts=2, expert=[5])])
def test_the_representation_sees_the_conflicts_that_parameters_see(settings: object) -> None:
    for opposed in (True, False):
        found = []
        for at in ("parameters", "representation"):
            torch.manual_seed(0)
            found.append(body_weights(build_sharing(settings, Inputs(6), 2), at, opposed))
        assert torch.allclose(found[0], found[1], atol=0.02)
        if opposed:
            assert found[1][0] > 2 * found[1][1], "the smaller gradient is protected"


def test_a_body_without_marks_is_refused() -> None:
    moved = nn.Parameter(torch.zeros(3))
    balancer = build_balancer(UPGrad.Settings(at="representation"), ["a", "b"], [1.0, 1.0])
    with pytest.raises(RecipeError, match="does not mark where the tasks part"):
        balancer.backward(CONFLICT @ moved, torch.ones(2, dtype=torch.bool), [moved], [[], []])
