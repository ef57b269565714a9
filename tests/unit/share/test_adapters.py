import numpy as np
import torch

from plait.share.adapters import Adapters


def moved(tasks: int = 2) -> Adapters:
    torch.manual_seed(3)
    sharing = Adapters(5, tasks, Adapters.Settings(layers=[6, 3], rank=2))
    for parameter in sharing.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return sharing


def test_it_is_the_network_with_corrected_weights() -> None:
    sharing = moved()
    w = {name: parameter.detach().double().numpy() for name, parameter in sharing.named_parameters()}
    x = torch.randn(1, 4, 5)
    for task in (0, 1):
        hidden = x[0].double().numpy()
        for layer in range(2):
            corrected = w[f"network.{layer}.weight"] + w[f"up.{task}.{layer}"] @ w[f"down.{task}.{layer}"]
            hidden = np.maximum(hidden @ corrected.T + w[f"network.{layer}.bias"], 0)
        np.testing.assert_allclose(sharing(x, [1, 0])[1 - task].detach().numpy(), hidden, rtol=1e-4, atol=1e-5)


def test_all_tasks_start_as_one_network() -> None:
    sharing = Adapters(5, 3, Adapters.Settings(layers=[6, 3]))
    x = torch.randn(1, 4, 5)
    straight = sharing.network[1](sharing.network[0](x[0]).relu()).relu()
    assert torch.equal(sharing(x, [0, 1, 2]), straight.expand(3, -1, -1))


def test_a_task_more_costs_its_ranks_and_no_more() -> None:
    def size(tasks: int) -> int:
        return sum(p.numel() for p in Adapters(5, tasks, Adapters.Settings(layers=[6, 3], rank=2)).parameters())

    assert size(4) - size(3) == 2 * (5 + 6) + 2 * (6 + 3)


def test_the_pass_of_one_task_sends_nothing_through_the_others() -> None:
    sharing = moved(3)
    sharing(torch.randn(1, 4, 5), [0, 1, 2])[1].sum().backward()
    assert all(p.grad is None for task in (0, 2) for p in sharing.own(task))


def test_the_input_goes_through_the_first_layer_once() -> None:
    sharing = moved(3)
    rows: list[int] = []
    for layer in sharing.network:
        layer.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[1]))
    sharing(torch.randn(1, 4, 5), [0, 1, 2])
    assert rows == [5, 6, 6, 6]
