import numpy as np
import torch

from plait.share import STEM
from support.forms import gate_weights, network, numpy


def body(tasks: int = 3, **settings) -> STEM:
    torch.manual_seed(0)
    made = STEM(4, tasks, STEM.Settings(shared_experts=2, task_experts=2, expert=[5, 3], **settings))
    for gate in made.gate:
        torch.nn.init.normal_(gate.linear.weight)
    return made


def test_it_is_the_formula() -> None:
    sharing, x = body(), torch.randn(4, 6, 4)
    views = numpy(x)
    experts = [network(expert, views[t + 1]) for t in range(3) for expert in sharing.task_experts[t]]
    experts += [network(expert, views[0]) for expert in sharing.shared_experts]
    found = numpy(sharing(x, [2, 0]))
    for place, task in enumerate((2, 0)):
        share = gate_weights(sharing.gate[task], views[task + 1] + views[0])
        by_hand = np.einsum("be,ebh->bh", share, np.stack(experts))
        assert np.allclose(found[place], by_hand, atol=1e-5)


def test_it_wants_a_view_per_task_and_a_shared_one() -> None:
    assert STEM.Settings().views(4) == 5
    assert body(3).views == 4


def test_a_task_reads_all_and_teaches_only_its_own() -> None:
    sharing = body()
    x = torch.randn(4, 6, 4, requires_grad=True)
    sharing(x, [0, 1, 2])[1].sum().backward()
    assert x.grad is not None
    moved = [bool(view.any()) for view in x.grad]
    assert moved == [True, False, True, False]
    assert all(p.grad is not None for p in sharing.task_experts[1].parameters())
    assert all(p.grad is None for t in (0, 2) for p in sharing.task_experts[t].parameters())
    assert all(p.grad is not None for p in sharing.shared_experts.parameters())
    weights = sharing.gate[1].linear.weight.grad
    assert weights is not None
    assert weights.any(dim=1).all(), "the gate learns to weigh other tasks' experts too"


def test_only_the_gate_may_be_tuned_alone() -> None:
    sharing = body().eval()
    x = torch.randn(4, 6, 4)
    before = sharing(x, [0, 2])
    with torch.no_grad():
        for parameter in sharing.private(1):
            parameter += 1
    assert torch.equal(before, sharing(x, [0, 2]))
    with torch.no_grad():
        for parameter in sharing.own(1):
            parameter += 1
    assert not torch.allclose(before, sharing(x, [0, 2]))


def test_what_others_say_depends_on_their_view() -> None:
    sharing = body().eval()
    x = torch.randn(4, 6, 4)
    other = x.clone()
    other[3] += 1
    assert not torch.allclose(sharing(x, [0]), sharing(other, [0]))


def test_gates_go_over_all_experts() -> None:
    found = body().gates(torch.randn(4, 6, 4), [1, 2])["experts"]
    assert found.shape == (2, 3 * 2 + 2)


def test_dropout_is_drawn_once_for_all_readers() -> None:
    sharing = body(dropout=0.5)
    x = torch.randn(4, 6, 4)
    torch.manual_seed(1)
    both = sharing(x, [0, 1])
    torch.manual_seed(1)
    assert torch.equal(both, sharing(x, [0, 1]))
