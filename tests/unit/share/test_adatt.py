import numpy as np
import pytest
import torch

from plait.share.adatt import AdaTT


def in_numpy(sharing: AdaTT, x: np.ndarray, tasks: int, own: int, shared: int, levels: int) -> list[np.ndarray]:
    """Follow the paper reader by reader, from the parameters alone."""
    w = {name: parameter.detach().double().numpy() for name, parameter in sharing.named_parameters()}
    counts = [own] * tasks + [shared] * (shared > 0)
    read = [x] * len(counts)
    for level in range(levels):
        experts = []
        for reader, count in enumerate(counts):
            for number in range(count):
                place = f"levels.{level}.experts.{reader}.{number}.0"
                experts.append((reader, np.maximum(read[reader] @ w[f"{place}.weight"].T + w[f"{place}.bias"], 0)))
        fused = []
        for reader in range(tasks if level == levels - 1 else len(counts)):
            gate = f"levels.{level}.gates.{reader}.linear"
            logits = np.exp(read[reader] @ w[f"{gate}.weight"].T + w[f"{gate}.bias"])
            share = logits / logits.sum(1, keepdims=True)
            of_all = sum(share[:, [e]] * vector for e, (_, vector) in enumerate(experts))
            mine = [vector for owner, vector in experts if owner == reader]
            kept = w.get(f"levels.{level}.residuals.{reader}", np.ones(1))
            fused.append(of_all + sum(number * vector for number, vector in zip(kept, mine, strict=True)))
        read = fused
    return read


@pytest.mark.parametrize(("own", "shared", "levels"), [(2, 0, 2), (1, 0, 2), (1, 2, 3), (2, 1, 1), (1, 1, 2)])
def test_it_is_the_formula(own: int, shared: int, levels: int) -> None:
    torch.manual_seed(2)
    sharing = AdaTT(4, 3, AdaTT.Settings(levels=levels, task_experts=own, shared_experts=shared, expert=[3]))
    for parameter in sharing.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x = torch.randn(1, 5, 4)
    expected = in_numpy(sharing, x[0].double().numpy(), 3, own, shared, levels)
    found = sharing(x, [2, 0]).detach().numpy()
    np.testing.assert_allclose(found[0], expected[2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], expected[0], rtol=1e-4, atol=1e-5)


def test_one_expert_per_reader_is_kept_whole_and_nothing_is_learned_for_it() -> None:
    sharing = AdaTT(4, 2, AdaTT.Settings(levels=1, task_experts=1, expert=[3]))
    x = torch.randn(1, 5, 4)
    one, two = (experts[0](x[0]) for experts in sharing.levels[0].experts)
    assert torch.allclose(sharing(x, [0])[0], 1.5 * one + 0.5 * two, atol=1e-6)
    assert len(sharing.levels[0].residuals) == 0


def test_the_residual_starts_as_a_mean() -> None:
    sharing = AdaTT(4, 2, AdaTT.Settings(task_experts=4, expert=[3]))
    assert torch.equal(sharing.levels[0].residuals[1].detach(), torch.full((4,), 0.25))


def test_gates_tell_the_experts_of_every_task_and_the_shared_ones() -> None:
    sharing = AdaTT(4, 3, AdaTT.Settings(levels=2, task_experts=2, shared_experts=1, expert=[3]))
    gates = sharing.gates(torch.randn(1, 5, 4), [1, 2])
    assert {level: use.shape for level, use in gates.items()} == {"level 1": (2, 7), "level 2": (2, 7)}
