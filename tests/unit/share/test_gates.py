import torch

from plait.recipe import Model
from plait.share import MMoE
from plait.share.dselect_k import DSelectK
from plait.share.gates import OneGate, SoftmaxGates


def test_a_kind_alone_stands_for_its_settings() -> None:
    read = Model.model_validate({"sharing": {"kind": "mmoe", "gate": "one"}}).sharing
    assert isinstance(read, MMoE.Settings)
    assert read.gate == OneGate()
    assert MMoE.Settings().gate == SoftmaxGates()
    assert MMoE.Settings.model_validate({"gate": {"kind": "dselect_k", "selectors": 1}}).gate == DSelectK.Settings(
        selectors=1
    )


def test_one_gate_gives_all_tasks_one_mixture() -> None:
    sharing = MMoE(4, 3, MMoE.Settings(experts=3, expert=[5, 2], gate=OneGate()))
    torch.nn.init.normal_(sharing.gate[0].linear.weight)
    x = torch.randn(1, 6, 4)
    share = torch.softmax(sharing.gate[0].linear(x[0]), dim=1)
    by_hand = sum((share[:, e : e + 1] * expert(x[0]) for e, expert in enumerate(sharing.experts)), torch.zeros(6, 2))
    out = sharing(x, [2, 0])
    assert torch.allclose(out, by_hand.expand(2, 6, 2), atol=1e-6)
    assert out.stride(0) == 0, "the tasks should read one result, not copies"
    assert torch.allclose(sharing.gates(x, [2, 0])["experts"], share.mean(0).expand(2, 3))


def test_one_gate_is_nobodys_own() -> None:
    sharing = MMoE(4, 3, MMoE.Settings(experts=3, expert=[2], gate=OneGate()))
    assert [sharing.own(task) for task in range(3)] == [[], [], []]
    assert len(sharing.gate) == 1
