import torch

from plait.share import PLE


def test_one_level_by_hand() -> None:
    sharing = PLE(4, 2, PLE.Settings(levels=1, shared_experts=2, task_experts=1, expert=[3]))
    level = sharing.levels[0]
    for gate in level.task_gates:
        torch.nn.init.normal_(gate.linear.weight)
    x = torch.randn(1, 6, 4)
    for task in (0, 1):
        experts = [level.task_experts[task][0], *level.shared_experts]
        share = torch.softmax(level.task_gates[task].linear(x[0]), dim=1)
        by_hand = sum((share[:, e : e + 1] * expert(x[0]) for e, expert in enumerate(experts)), torch.zeros(6, 3))
        assert torch.allclose(sharing(x, [task])[0], by_hand, atol=1e-6)


def test_a_task_without_others_reads_own_and_shared_experts() -> None:
    sharing = PLE(4, 3, PLE.Settings(levels=2, shared_experts=3, task_experts=2, expert=[5]))
    gates = sharing.gates(torch.randn(1, 6, 4), [1])
    assert {level: use.shape for level, use in gates.items()} == {"level 1": (1, 5), "level 2": (1, 5)}


def test_last_level_experts_of_other_tasks_rest() -> None:
    sharing = PLE(4, 2, PLE.Settings(levels=2, shared_experts=1, task_experts=1, expert=[5]))
    sharing(torch.randn(1, 6, 4), [0]).sum().backward()
    assert all(p.grad is None for p in sharing.own(1))
    below = sharing.levels[0].task_experts[1].parameters()
    assert any(p.grad is not None and p.grad.any() for p in below), "the shared experts above read them"


def test_the_pass_of_one_task_sends_nothing_through_the_others() -> None:
    sharing = PLE(4, 2, PLE.Settings(levels=1, shared_experts=1, task_experts=1, expert=[5]))
    sharing(torch.randn(1, 6, 4), [0, 1])[0].sum().backward()
    assert all(p.grad is None for p in sharing.levels[0].task_experts[1].parameters())
