"""Every balancer and every body of the package, small, for tests that go through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from plait.balance import (
    COSMOS,
    CRMOGM,
    DBMTL,
    DWA,
    FAMO,
    IMTLG,
    IMTLL,
    MGDA,
    PBI,
    PCD,
    STCH,
    AlignedMTL,
    AutoLambda,
    Average,
    BalanceSettings,
    CAGrad,
    ConFIG,
    Curriculum,
    DualProj,
    ExcessMTL,
    FairGrad,
    Feedback,
    Fixed,
    GeometricMean,
    GradDrop,
    GradNorm,
    GradVac,
    Krum,
    Maximum,
    MetaBalance,
    MoCo,
    MoDo,
    NashMTL,
    Pareto,
    PCGrad,
    RandomWeights,
    SDMGrad,
    Sum,
    TrimmedMean,
    Uncertainty,
    UPGrad,
    Validation,
)
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
)
from plait.share.dselect_k import DSelectK
from plait.share.gates import OneGate

NAMES = ["a", "b", "c"]


@dataclass(frozen=True)
class Balanced:
    """A balancer and what `BalancerContract` may expect of it."""

    settings: BalanceSettings
    symmetric: bool = True
    scale_free: bool = False


BALANCERS = [
    Balanced(Average.Settings()),
    Balanced(Fixed.Settings()),
    Balanced(Fixed.Settings(weights={"a": 2.0}), symmetric=False),
    Balanced(Maximum.Settings()),
    Balanced(Uncertainty.Settings()),
    Balanced(Validation.Settings()),
    Balanced(Curriculum.Settings()),
    Balanced(Feedback.Settings()),
    Balanced(Pareto.Settings(method="linear")),
    Balanced(Pareto.Settings(method="linear", preferences={"a": 2.0}), symmetric=False),
    Balanced(Pareto.Settings(method="chebyshev")),
    Balanced(Sum.Settings()),
    Balanced(RandomWeights.Settings(), symmetric=False),
    Balanced(GeometricMean.Settings(), scale_free=True),
    Balanced(STCH.Settings()),
    Balanced(STCH.Settings(weights={"a": 2.0}), symmetric=False),
    Balanced(PBI.Settings()),
    Balanced(COSMOS.Settings()),
    Balanced(DWA.Settings()),
    Balanced(FAMO.Settings()),
    Balanced(IMTLL.Settings()),
    Balanced(UPGrad.Settings()),
    Balanced(UPGrad.Settings(at="representation")),
    Balanced(UPGrad.Settings(at="parameters")),
    Balanced(DualProj.Settings()),
    Balanced(PCGrad.Settings(), symmetric=False),
    Balanced(GradVac.Settings(), symmetric=False),
    Balanced(PCD.Settings(), symmetric=False),
    Balanced(MGDA.Settings()),
    Balanced(CAGrad.Settings()),
    Balanced(NashMTL.Settings(), scale_free=True),
    Balanced(FairGrad.Settings(), scale_free=True),
    Balanced(IMTLG.Settings(), scale_free=True),
    Balanced(ConFIG.Settings()),
    Balanced(AlignedMTL.Settings()),
    Balanced(Krum.Settings()),
    Balanced(TrimmedMean.Settings()),
    Balanced(GradDrop.Settings(), symmetric=False),
    Balanced(ExcessMTL.Settings()),
    Balanced(ExcessMTL.Settings(at="parameters")),
    Balanced(MoDo.Settings()),
    Balanced(SDMGrad.Settings()),
    Balanced(CRMOGM.Settings()),
    Balanced(CRMOGM.Settings(of=CAGrad.Settings())),
    Balanced(GradNorm.Settings()),
    Balanced(DBMTL.Settings()),
    Balanced(DBMTL.Settings(at="parameters")),
    Balanced(MoCo.Settings()),
    Balanced(MoCo.Settings(at="parameters")),
    Balanced(MetaBalance.Settings(), symmetric=False),
    Balanced(MetaBalance.Settings(at="parameters"), symmetric=False),
    Balanced(AutoLambda.Settings()),
    Balanced(AutoLambda.Settings(every=2)),
]

INPUTS = Inputs(12, {"t/t.x": (0, 4), "t/t.y": (4, 8)}, {"t.x": 20, "t.y": 20}, NAMES)
BODIES = [
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


def label(settings: Any) -> str:
    """Name settings by their kind and by what sets them apart from others of it."""
    apart = [getattr(settings, key, "") for key in ("at", "method")]
    return "-".join([settings.kind, *(word for word in apart if word and word != "auto")])


def kinds(union: Any) -> set[str]:
    """Return the kinds of all members of a union of settings."""
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields["kind"].annotation)[0] for member in members}
