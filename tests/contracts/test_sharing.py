"""Every built-in body through the shipped suite."""

from plait.share import PLE, Inputs, MMoE, Separate, SharedBottom, Sharing, build_sharing
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
