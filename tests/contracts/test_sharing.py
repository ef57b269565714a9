"""Every built-in body through the shipped suite."""

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
    Sharing,
    build_sharing,
)
from plait.share.dselect_k import DSelectK
from plait.share.gates import OneGate
from plait.testing import SharingContract


class TestSeparate(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(Separate.Settings(layers=[16, 8], dropout=0.1), Inputs(width_in), tasks)


class TestSharedBottom(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(SharedBottom.Settings(layers=[16, 8], dropout=0.1), Inputs(width_in), tasks)


class TestMMoE(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(MMoE.Settings(experts=3, expert=[16, 8]), Inputs(width_in), tasks)


class TestMMoEDropout(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(
            MMoE.Settings(experts=3, expert=[16, 8], dropout=0.1, gate_dropout=0.2), Inputs(width_in), tasks
        )


class TestMMoEOneGate(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(MMoE.Settings(experts=3, expert=[16, 8], gate=OneGate()), Inputs(width_in), tasks)


class TestMMoEDSelectK(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(MMoE.Settings(experts=3, expert=[8], gate=DSelectK.Settings()), Inputs(width_in), tasks)


class TestMMoEDSelectKPerExample(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        gate = DSelectK.Settings(selectors=1, per_example=True)
        return build_sharing(MMoE.Settings(experts=4, expert=[8], gate=gate), Inputs(width_in), tasks)


class TestMMoENormalised(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        settings = MMoE.Settings(experts=3, expert=[16, 8], dropout=0.1, normalise=True)
        return build_sharing(settings, Inputs(width_in), tasks)


class TestPLE(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(
            PLE.Settings(levels=2, shared_experts=2, task_experts=1, expert=[16, 8]), Inputs(width_in), tasks
        )


class TestPLEOneLevel(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(PLE.Settings(levels=1, shared_experts=2, task_experts=2, expert=[8]), Inputs(width_in), tasks)


class TestPLEThreeLevels(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(PLE.Settings(levels=3, shared_experts=1, task_experts=1, expert=[8]), Inputs(width_in), tasks)


class TestSTEM(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(STEM.Settings(shared_experts=2, task_experts=2, expert=[16, 8]), Inputs(width_in), tasks)


class TestHoME(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        settings = HoME.Settings(groups=[["a", "c"], ["b"]], meta=[16, 8], expert=[8], rank=2, task_experts=2, dropout=0.1)
        return build_sharing(settings, Inputs(width_in, tasks=list("abcd")[:tasks]), tasks)


class TestHoMEOneGroup(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        settings = HoME.Settings(meta=[8], expert=[8], shared_experts=1, feature_gates=0, gate_dropout=0.1)
        return build_sharing(settings, Inputs(width_in), tasks)


class TestPEPNet(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        spans = {"users/users.country": (0, 2), "users/users.id": (2, 5), "items/items.id": (7, 10)}
        settings = PEPNet.Settings(
            domain_features=["users.country"],
            personal_features=["users.id", "items.id"],
            layers=[16, 8],
            gate=4,
            dropout=0.1,
        )
        return build_sharing(settings, Inputs(width_in, spans), tasks)


class TestPEPNetWithoutFeatures(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(PEPNet.Settings(layers=[8]), Inputs(width_in), tasks)


class TestSTAR(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        settings = STAR.Settings(domain="visits.shop", layers=[16, 8], auxiliary=4, dropout=0.1)
        return build_sharing(settings, Inputs(width_in, sizes={"visits.shop": 3}), tasks)


class TestSNRTrans(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(SNR.Settings(subnetworks=3, layers=[16, 8], dropout=0.1), Inputs(width_in), tasks)


class TestSNRAver(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        settings = SNR.Settings(connection="aver", subnetworks=3, layers=[16, 8])
        return build_sharing(settings, Inputs(width_in), tasks)


class TestCrossStitch(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(CrossStitch.Settings(layers=[16, 8], dropout=0.1), Inputs(width_in), tasks)


class TestCrossStitchChannels(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(CrossStitch.Settings(layers=[16, 8], channels=True), Inputs(width_in), tasks)


class TestMTAN(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(MTAN.Settings(layers=[16, 8], attention=4, dropout=0.1), Inputs(width_in), tasks)


class TestAdapters(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(Adapters.Settings(layers=[16, 12, 8], rank=2, dropout=0.1), Inputs(width_in), tasks)


class TestAdaTT(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(
            AdaTT.Settings(levels=2, task_experts=2, expert=[8], dropout=0.1, gate_dropout=0.1), Inputs(width_in), tasks
        )


class TestAdaTTShared(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(AdaTT.Settings(levels=3, task_experts=1, shared_experts=2, expert=[8]), Inputs(width_in), tasks)


class TestAdaTTOneLevel(SharingContract):
    def build(self, width_in: int, tasks: int) -> Sharing:
        return build_sharing(AdaTT.Settings(levels=1, task_experts=1, shared_experts=1, expert=[8]), Inputs(width_in), tasks)
