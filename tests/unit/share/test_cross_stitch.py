import numpy as np
import pytest
import torch

from plait.share.cross_stitch import CrossStitch


def in_numpy(sharing: CrossStitch, x: np.ndarray, tasks: int) -> list[np.ndarray]:
    """Follow the paper channel by channel, from the parameters alone."""
    weights = {name: parameter.detach().numpy() for name, parameter in sharing.named_parameters()}
    read = [x] * tasks
    for layer in range(2):
        towers = [f"towers.{layer}.{task}.0" for task in range(tasks)]
        activations = [
            np.maximum(each @ weights[f"{tower}.weight"].T + weights[f"{tower}.bias"], 0)
            for tower, each in zip(towers, read, strict=True)
        ]
        read = []
        for task in range(tasks):
            row = weights[f"mixes.{layer}.{task}"]
            mixed = np.zeros_like(activations[0])
            for other in range(tasks):
                for channel in range(mixed.shape[1]):
                    mixed[:, channel] += row[other, channel % row.shape[1]] * activations[other][:, channel]
            read.append(mixed)
    return read


@pytest.mark.parametrize("channels", [True, False])
def test_it_is_the_formula(channels: bool) -> None:
    torch.manual_seed(0)
    sharing = CrossStitch(4, 3, CrossStitch.Settings(layers=[5, 2], channels=channels))
    for parameter in sharing.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x = torch.randn(1, 6, 4)
    expected = in_numpy(sharing, x[0].numpy(), 3)
    np.testing.assert_allclose(sharing(x, [2, 0])[0].detach().numpy(), expected[2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sharing(x, [2, 0])[1].detach().numpy(), expected[0], rtol=1e-4, atol=1e-5)


def test_it_starts_near_separate_towers() -> None:
    sharing = CrossStitch(4, 3, CrossStitch.Settings(layers=[5]))
    start = torch.cat(list(sharing.mixes[0]), dim=1).T
    assert torch.allclose(start, torch.full((3, 3), 0.05) + 0.85 * torch.eye(3))


def test_with_the_identity_towers_are_separate() -> None:
    sharing = CrossStitch(4, 2, CrossStitch.Settings(layers=[5, 3], own=1.0))
    x = torch.randn(1, 6, 4)
    for task in (0, 1):
        alone = sharing.towers[1][task](sharing.towers[0][task](x[0]))
        assert torch.allclose(sharing(x, [task])[0], alone, atol=1e-6)


def test_one_task_has_one_tower_and_no_other_to_mix() -> None:
    sharing = CrossStitch(4, 1, CrossStitch.Settings(layers=[5]))
    x = torch.randn(1, 6, 4)
    assert torch.allclose(sharing(x, [0])[0], sharing.towers[0][0](x[0]))


def test_a_permutation_of_the_tasks_permutes_the_vectors() -> None:
    one, two = (CrossStitch(4, 2, CrossStitch.Settings(layers=[5, 3])) for _ in range(2))
    state = one.state_dict()
    swapped = {}
    for name, value in state.items():
        parts = name.split(".")
        parts[2] = str(1 - int(parts[2]))
        swapped[".".join(parts)] = value.flip(0) if parts[0] == "mixes" else value
    two.load_state_dict(swapped)
    x = torch.randn(1, 6, 4)
    assert torch.allclose(one(x, [0, 1]), two(x, [1, 0]), atol=1e-6)
