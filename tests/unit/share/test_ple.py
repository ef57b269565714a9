import numpy as np
import torch

from plait.share import PLE


def test_one_level_is_cgc_in_numpy() -> None:
    sharing = PLE(4, 2, PLE.Settings(levels=1, shared_experts=2, task_experts=3, expert=[6, 3]))
    weights = {}
    for name, parameter in sharing.named_parameters():
        torch.nn.init.normal_(parameter, std=0.5)
        weights[name] = parameter.detach().numpy()
    x = torch.randn(1, 5, 4)
    for task in (0, 1):
        names = [f"task_experts.{task}.{e}" for e in range(3)] + [f"shared_experts.{e}" for e in range(2)]
        experts = []
        for name in names:
            vector = x[0].numpy()
            for layer in (0, 2):
                place = f"levels.0.{name}.{layer}"
                vector = np.maximum(vector @ weights[f"{place}.weight"].T + weights[f"{place}.bias"], 0)
            experts.append(vector)
        gate = f"levels.0.task_gates.{task}.linear"
        logits = np.exp(x[0].numpy() @ weights[f"{gate}.weight"].T + weights[f"{gate}.bias"])
        by_hand = np.einsum("be,ebh->bh", logits / logits.sum(1, keepdims=True), np.stack(experts))
        np.testing.assert_allclose(sharing(x, [0, 1])[task].detach().numpy(), by_hand, rtol=1e-4, atol=1e-5)


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
    assert all(p.grad is None for p in sharing.levels[1].task_experts[1].parameters())
    assert all(p.grad is None or not p.grad.any() for p in sharing.own(1))
    below = sharing.levels[0].task_experts[1].parameters()
    assert any(p.grad is not None and p.grad.any() for p in below), "the shared experts above read them"


def test_the_pass_of_one_task_sends_nothing_through_the_others() -> None:
    sharing = PLE(4, 2, PLE.Settings(levels=1, shared_experts=1, task_experts=1, expert=[5]))
    sharing(torch.randn(1, 6, 4), [0, 1])[0].sum().backward()
    assert all(p.grad is None for p in sharing.levels[0].task_experts[1].parameters())
