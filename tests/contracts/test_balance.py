"""Every built-in balancer through the shipped suite, and small models with every body."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import config
from torch import Tensor, nn

from plait.balance import (
    DBMTL,
    AutoLambda,
    Average,
    Balancer,
    Curriculum,
    Feedback,
    Fixed,
    GradNorm,
    Maximum,
    MetaBalance,
    MoCo,
    Pareto,
    Uncertainty,
    UPGrad,
    Validation,
    build_balancer,
)
from plait.encode.ids import FusedEmbedding
from plait.share import (
    MTAN,
    PLE,
    SNR,
    STAR,
    STEM,
    Adapters,
    AdaTT,
    CrossStitch,
    HoME,
    Inputs,
    MMoE,
    PEPNet,
    Separate,
    SharedBottom,
    build_sharing,
)
from plait.share.dselect_k import DSelectK
from plait.share.gates import OneGate
from plait.testing import BalancerContract

NAMES = ["a", "b", "c"]


class TestAverage(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Average.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestFixed(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Fixed.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestMaximum(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Maximum.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestUncertainty(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Uncertainty.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestUPGrad(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(UPGrad.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestValidation(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Validation.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestCurriculum(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Curriculum.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestFeedback(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Feedback.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestParetoLinear(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Pareto.Settings(method="linear"), NAMES[:tasks], [1.0] * tasks)


class TestParetoChebyshev(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(Pareto.Settings(method="chebyshev"), NAMES[:tasks], [1.0] * tasks)


class TestGradNorm(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(GradNorm.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestDBMTL(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(DBMTL.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestDBMTLAtParameters(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(DBMTL.Settings(at="parameters"), NAMES[:tasks], [1.0] * tasks)


class TestMoCo(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(MoCo.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestMoCoAtParameters(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(MoCo.Settings(at="parameters"), NAMES[:tasks], [1.0] * tasks)


class TestAutoLambda(BalancerContract):
    def build(self, tasks: int) -> Balancer:
        return build_balancer(AutoLambda.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestMetaBalance(BalancerContract):
    symmetric = False

    def build(self, tasks: int) -> Balancer:
        return build_balancer(MetaBalance.Settings(), NAMES[:tasks], [1.0] * tasks)


class TestMetaBalanceAtParameters(BalancerContract):
    symmetric = False

    def build(self, tasks: int) -> Balancer:
        return build_balancer(MetaBalance.Settings(at="parameters"), NAMES[:tasks], [1.0] * tasks)


SHARING = [
    Separate.Settings(layers=[8]),
    SharedBottom.Settings(layers=[8]),
    MMoE.Settings(experts=2, expert=[8]),
    MMoE.Settings(experts=2, expert=[8], gate=OneGate()),
    MMoE.Settings(experts=2, expert=[8], gate=DSelectK.Settings(selectors=1)),
    PLE.Settings(levels=2, shared_experts=1, task_experts=1, expert=[8]),
    STEM.Settings(shared_experts=1, expert=[8]),
    HoME.Settings(groups=[["a", "c"]], meta=[8], expert=[8], shared_experts=1, group_experts=1, rank=2),
    PEPNet.Settings(domain_features=["t.x"], personal_features=["t.y"], layers=[8], gate=4),
    STAR.Settings(domain="t.x", layers=[8], auxiliary=4),
    SNR.Settings(subnetworks=2, layers=[8, 8]),
    CrossStitch.Settings(layers=[8]),
    MTAN.Settings(layers=[8], attention=2),
    Adapters.Settings(layers=[8, 8], rank=2),
    AdaTT.Settings(levels=2, task_experts=1, expert=[8]),
]
INPUTS = Inputs(12, {"t/t.x": (0, 4), "t/t.y": (4, 8)}, {"t.x": 20, "t.y": 20}, NAMES)
BALANCE = [
    Average.Settings(),
    Fixed.Settings(weights={"a": 2.0}),
    Maximum.Settings(),
    Uncertainty.Settings(),
    UPGrad.Settings(at="parameters"),
    UPGrad.Settings(at="representation"),
    Validation.Settings(),
    Curriculum.Settings(),
    Feedback.Settings(),
    Pareto.Settings(method="linear", preferences={"a": 2.0}),
    Pareto.Settings(method="chebyshev"),
    GradNorm.Settings(),
    DBMTL.Settings(),
    DBMTL.Settings(at="parameters"),
    MoCo.Settings(),
    MoCo.Settings(at="parameters"),
    MetaBalance.Settings(target="c"),
    MetaBalance.Settings(at="parameters"),
    AutoLambda.Settings(every=2),
]


@pytest.fixture
def _shapes_unchecked() -> Iterator[None]:
    """The suites have checked the shapes of every part; here the checks would take most of the time."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("_shapes_unchecked")
@pytest.mark.parametrize("sharing", SHARING, ids=lambda s: s.kind)
@pytest.mark.parametrize("balance", BALANCE, ids=lambda s: s.kind + getattr(s, "at", "")[:3])
@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "full"])
def test_every_body_with_every_balancer(sharing, balance, sparse, missing) -> None:
    torch.manual_seed(3)
    body = build_sharing(sharing, INPUTS, 3)
    table = FusedEmbedding(20, 4, body.views)
    dense = nn.Embedding(20, 4 * body.views)
    heads = nn.ModuleList(nn.Linear(body.width, 1) for _ in NAMES)
    balancer = build_balancer(balance, NAMES, [1.0, 1.0, 0.5])
    codes = torch.randint(1, 20, (16, 3), dtype=torch.int32)
    observed = torch.rand(3, 16) < 0.6
    tasks = [0, 2] if missing else [0, 1, 2]

    def losses() -> tuple[Tensor, Tensor]:
        x = table(codes) if sparse else dense(codes).unflatten(2, (body.views, 4)).permute(2, 0, 1, 3)
        hidden = body(x.flatten(2), tasks, None if body.domain is None else codes[:, 0].long())
        found = dict(zip(tasks, hidden, strict=True))
        each = [
            (heads[t](found[t])[:, 0] - t - codes[:, 0] / 10).square()[observed[t]].mean() if t in found else torch.zeros(())
            for t in range(3)
        ]
        return torch.stack(each), torch.tensor([t in found for t in range(3)])

    own = [[*heads[t].parameters(), *body.own(t)] for t in range(3)]
    mine = {id(p) for some in own for p in some}
    shared = [p for p in [*body.parameters(), *([] if sparse else dense.parameters())] if id(p) not in mine]
    dense_parameters = [*shared, *(p for some in own for p in some), *balancer.parameters()]
    optimiser = torch.optim.Adam(dense_parameters, lr=0.06)
    balancer.begin(shared)
    first = last = None
    for _ in range(6):
        optimiser.zero_grad()
        values, present = losses()
        looked = table.take()
        added = body.penalty()
        if added is not None:
            added.backward(retain_graph=True)
        leaves = [*shared, *(rows for _, rows in looked)]
        if balancer.draws == 1:
            weights = balancer.backward(values, present, leaves, own)
        else:
            again = torch.stack([values] * balancer.draws)
            weights = balancer.backward(again, present.expand(balancer.draws, -1), leaves, own)
        assert weights.isfinite().all()
        assert bool((weights[~present] == 0).all())
        optimiser.step()
        for which, rows in looked:
            assert rows.grad is not None
            assert rows.grad.isfinite().all()
            with torch.no_grad():
                table.weight[which.long()] -= 0.1 * rows.grad
        last = values.detach()
        first = last if first is None else first
    assert first is not None
    assert last is not None
    assert last.sum() < 0.9 * first.sum()
    if missing:
        assert all(p.grad is None or not p.grad.any() for p in own[1])
    assert not table.weight[0].any()
