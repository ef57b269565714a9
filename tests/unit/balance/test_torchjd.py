"""Every method that TorchJD has too, against TorchJD called directly on the true Jacobian."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchjd import Stateful, scalarization
from torchjd import aggregation as theirs

from plait.balance import (
    COSMOS,
    CRMOGM,
    DWA,
    FAMO,
    IMTLG,
    IMTLL,
    MGDA,
    PBI,
    PCD,
    STCH,
    AlignedMTL,
    Balancer,
    BalanceSettings,
    CAGrad,
    ConFIG,
    DualProj,
    ExcessMTL,
    FairGrad,
    GeometricMean,
    GradDrop,
    GradVac,
    Krum,
    MoDo,
    NashMTL,
    PCGrad,
    RandomWeights,
    SDMGrad,
    Sum,
    TrimmedMean,
    UPGrad,
)

NAMES = ["a", "b", "c", "d"]
CONFLICT = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])


def matrices() -> list[Tensor]:
    """Return Jacobians: a textbook conflict, a random one, one with rows of different lengths."""
    random = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    return [CONFLICT, random, random * torch.tensor([[1.0], [5.0], [0.2], [1.0]])]


def aggregated(balancer: Balancer, jacobian: Tensor) -> Tensor:
    """Return what a balancer makes of a Jacobian."""
    moved = nn.Parameter(torch.zeros(jacobian.shape[1]))
    tasks = len(jacobian)
    balancer.backward(jacobian @ moved, torch.ones(tasks, dtype=torch.bool), [moved], [[]] * tasks)
    assert moved.grad is not None
    return moved.grad


def build(settings: BalanceSettings, tasks: int) -> Balancer:
    return settings.build(NAMES[:tasks], [1.0] * tasks)


@pytest.mark.parametrize("jacobian", matrices(), ids=["conflict", "random", "unequal"])
@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        (UPGrad.Settings(), theirs.UPGrad()),
        (DualProj.Settings(), theirs.DualProj()),
        (PCGrad.Settings(), theirs.PCGrad()),
        (MGDA.Settings(), theirs.MGDA()),
        (IMTLG.Settings(), theirs.IMTLG()),
        (ConFIG.Settings(), theirs.ConFIG()),
        (AlignedMTL.Settings(), theirs.AlignedMTL()),
        (AlignedMTL.Settings(scale="rmse"), theirs.AlignedMTL(scale_mode="rmse")),
        (FairGrad.Settings(alpha=0.5), theirs.FairGrad(alpha=0.5)),
        (FairGrad.Settings(alpha=1.0), theirs.FairGrad(alpha=1.0)),
        (FairGrad.Settings(alpha=2.0), theirs.FairGrad(alpha=2.0)),
        (FairGrad.Settings(alpha=0.0), theirs.FairGrad(alpha=0.0)),
        (GradDrop.Settings(), theirs.GradDrop()),
        (GradVac.Settings(), theirs.GradVac()),
        (PCD.Settings(), theirs.PCD()),
        (PCD.Settings(tau=0.5), theirs.PCD(tau=0.5)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_one_step_is_theirs(settings: BalanceSettings, reference: theirs.Aggregator, jacobian: Tensor) -> None:
    torch.manual_seed(4)
    found = aggregated(build(settings, len(jacobian)), jacobian)
    if isinstance(reference, Stateful):
        reference.reset()
    torch.manual_seed(4)
    expected = reference(jacobian)
    assert torch.allclose(found, expected, rtol=2e-3, atol=2e-3 * float(expected.norm()))


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        (Krum.Settings(), theirs.Krum(n_byzantine=0)),
        (Krum.Settings(wrong=1, selected=2), theirs.Krum(n_byzantine=1, n_selected=2)),
        (TrimmedMean.Settings(), theirs.TrimmedMean(trim_number=1)),
        (GradDrop.Settings(leak=0.3), theirs.GradDrop(leak=torch.full((4,), 0.3))),
    ],
)
def test_one_step_of_methods_for_many_tasks_is_theirs(settings: BalanceSettings, reference: theirs.Aggregator) -> None:
    for jacobian in matrices()[1:]:
        torch.manual_seed(4)
        found = aggregated(build(settings, 4), jacobian)
        torch.manual_seed(4)
        assert torch.allclose(found, reference(jacobian), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        (GradVac.Settings(beta=0.3), theirs.GradVac(beta=0.3)),
        (PCD.Settings(beta=0.9, tau=0.3), theirs.PCD(beta=0.9, tau=0.3)),
        (ExcessMTL.Settings(at="parameters", rate=0.5), theirs.ExcessMTL(robust_step_size=0.5)),
        (ExcessMTL.Settings(at="parameters", warmup=2), theirs.ExcessMTL(n_warmup_steps=2)),
        (
            CRMOGM.Settings(of="mgda", alpha=0.7),
            theirs.GramianWeightedAggregator(theirs.CRMOGMWeighting(theirs.MGDAWeighting(), alpha=0.7)),
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_what_is_remembered_from_step_to_step_is_theirs(settings: BalanceSettings, reference: theirs.Aggregator) -> None:
    balancer = build(settings, 4)
    balancer.begin([torch.zeros(7)])
    for seed in range(5):
        jacobian = torch.randn(4, 7, generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(seed)
        found = aggregated(balancer, jacobian)
        torch.manual_seed(seed)
        assert torch.allclose(found, reference(jacobian), rtol=1e-3, atol=1e-4)


def test_solutions_of_the_heavy_solvers() -> None:
    """Found with TorchJD 0.18 on cvxpy 1.9.3 with clarabel 0.11.1 and ecos 2.0.14, which are not installed here."""
    for settings, weights in GOLDEN:
        for jacobian, expected in zip(matrices(), weights, strict=True):
            found = aggregated(build(settings, len(jacobian)), jacobian)
            wanted = torch.tensor(expected) @ jacobian
            assert torch.allclose(found, wanted, rtol=1e-2, atol=5e-3 * float(wanted.norm())), settings


def test_nash_solves_its_equation() -> None:
    for jacobian in matrices()[1:]:
        balancer = build(NashMTL.Settings(longest=1e6), 4)
        moved = nn.Parameter(torch.zeros(7))
        weights = balancer.backward(jacobian @ moved, torch.ones(4, dtype=torch.bool), [moved], [[]] * 4)
        gramian = jacobian @ jacobian.T
        gains = (gramian @ weights) * weights
        assert torch.allclose(gains, gains.mean().expand(4), rtol=1e-3), "every task's gain, times its weight, is the same"


def draws_of(balancer: Balancer, jacobians: list[Tensor]) -> tuple[Tensor, Tensor]:
    moved = nn.Parameter(torch.zeros(7))
    losses = torch.stack([torch.stack(list(jacobian @ moved)) for jacobian in jacobians])
    weights = balancer.backward(losses, torch.ones(losses.shape, dtype=torch.bool), [moved], [[]] * 4)
    assert moved.grad is not None
    return weights, moved.grad


def test_methods_of_independent_draws() -> None:
    generator = torch.Generator().manual_seed(1)
    modo, sdm = build(MoDo.Settings(), 4), build(SDMGrad.Settings(), 4)
    of_modo, of_sdm = theirs.MoDoWeighting(gamma=0.1, rho=0.1), theirs.SDMGradWeighting()
    for _ in range(4):
        one, two, three = (torch.randn(4, 7, generator=generator) for _ in range(3))
        weights, moved = draws_of(modo, [one, two])
        expected = of_modo(one @ two.T)
        assert torch.allclose(weights, expected, atol=1e-5)
        assert torch.allclose(moved, expected @ (one + two) / 2, atol=1e-5)
        weights, moved = draws_of(sdm, [one, two, three])
        expected = of_sdm(one @ two.T)
        assert torch.allclose(weights, expected, atol=1e-4)
        assert torch.allclose(moved, expected @ three, atol=1e-3)


PREFERRED = {"a": 0.5, "b": 2.0}
SHARES = torch.tensor([0.5, 2.0, 1.0]) / 3.5


@pytest.mark.parametrize(
    ("settings", "reference", "factor"),
    [
        (Sum.Settings(), scalarization.Sum(), 1.0),
        (RandomWeights.Settings(), scalarization.Random(), 1.0),
        (GeometricMean.Settings(), scalarization.GeometricMean(), 1.0),
        (STCH.Settings(mu=0.3), scalarization.STCH(mu=0.3), 1.0),
        (STCH.Settings(mu=0.3, weights=PREFERRED), scalarization.STCH(mu=0.3, weights=SHARES), 1.0),
        (PBI.Settings(theta=2.0, weights=PREFERRED), scalarization.PBI(theta=2.0, weights=SHARES), 1.0),
        (COSMOS.Settings(reward=0.7, weights=PREFERRED), scalarization.COSMOS(lambda_=0.7, weights=SHARES), 1.0),
        (FAMO.Settings(), scalarization.FAMO(3), 1.0),
        (DWA.Settings(), scalarization.DWA(), 1 / 3),
        (IMTLL.Settings(), scalarization.IMTLL(3), 1 / 3),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_scalarizers(settings: BalanceSettings, reference: scalarization.Scalarizer, factor: float) -> None:
    one, two = (torch.tensor([0.3, 2.0, 7.0], requires_grad=True) for _ in range(2))
    torch.manual_seed(2)
    balancer = build(settings, 3)
    balancer.backward(one * 1.0, torch.ones(3, dtype=torch.bool), [one], [[], [], []])
    torch.manual_seed(2)
    (reference(two) * factor).backward()
    assert torch.allclose(one.grad, two.grad, rtol=1e-4)


def test_famo_learns_as_theirs() -> None:
    mine, reference = build(FAMO.Settings(), 3), scalarization.FAMO(3)
    generator = torch.Generator().manual_seed(3)
    for _ in range(6):
        before = torch.rand(3, generator=generator) + 0.1
        after = before * (torch.rand(3, generator=generator) + 0.4)
        one, two = before.clone().requires_grad_(), before.clone().requires_grad_()
        mine.backward(one * 1.0, torch.ones(3, dtype=torch.bool), [one], [[], [], []])
        reference(two).backward()
        assert torch.allclose(one.grad, two.grad, rtol=1e-4)
        mine.after_step(lambda after=after: after)
        reference.update(after)


def test_dwa_follows_the_epochs_as_theirs() -> None:
    mine, reference = build(DWA.Settings(), 3), scalarization.DWA()
    for losses in ([1.0, 2.0, 3.0], [0.5, 1.9, 3.0], [0.4, 1.0, 3.1], [0.3, 0.9, 1.0]):
        values = torch.tensor(losses, requires_grad=True)
        weights = mine.backward(values * 1.0, torch.ones(3, dtype=torch.bool), [values], [[], [], []])
        (expected,) = torch.autograd.grad(reference(values), values)
        assert torch.allclose(weights * 3, expected, rtol=1e-5)
        mine.after_epoch(torch.tensor(losses), torch.zeros(3))
        reference.step()


GOLDEN: list[tuple[BalanceSettings, list[list[float]]]] = [
    (
        CAGrad.Settings(c=0.4),
        [[0.663299, 0.5], [0.25, 0.25, 0.866311, 0.25], [0.25, 0.25, 7.937182, 0.25]],
    ),
    (
        CAGrad.Settings(c=2.0),
        [[2.007123, 1.338075], [0.722159, 0.25, 3.196574, 0.25], [0.25, 0.25, 38.685909, 0.25]],
    ),
    (
        NashMTL.Settings(),
        [
            [0.418226, 0.287843],
            [0.188154, 0.112972, 0.359946, 0.117637],
            [0.188154, 0.022594, 1.799729, 0.117637],
        ],
    ),
]
"""Weights of three Jacobians each; Nash's after 200 of their convex steps."""
