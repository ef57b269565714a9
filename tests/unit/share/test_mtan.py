import numpy as np
import torch

from plait.share.mtan import MTAN


def moved(tasks: int = 2) -> MTAN:
    torch.manual_seed(1)
    sharing = MTAN(4, tasks, MTAN.Settings(layers=[6, 3], attention=2))
    for parameter in sharing.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return sharing


def test_it_is_the_formula() -> None:
    sharing = moved()
    w = {name: parameter.detach().double().numpy() for name, parameter in sharing.named_parameters()}
    x = torch.randn(1, 5, 4)
    for task in (0, 1):
        shared, attended = x[0].double().numpy(), np.zeros((5, 0))
        for layer in range(2):
            shared = np.maximum(shared @ w[f"network.{layer}.0.weight"].T + w[f"network.{layer}.0.bias"], 0)
            place = f"attentions.{task}.{layer}"
            hidden = np.hstack([shared, attended]) @ w[f"{place}.0.weight"].T + w[f"{place}.0.bias"]
            logits = np.maximum(hidden, 0) @ w[f"{place}.2.weight"].T + w[f"{place}.2.bias"]
            attended = shared / (1 + np.exp(-logits))
        np.testing.assert_allclose(sharing(x, [1, 0])[1 - task].detach().numpy(), attended, rtol=1e-4, atol=1e-5)


def test_tasks_start_nearly_alike_with_half_of_every_feature() -> None:
    torch.manual_seed(4)
    sharing = MTAN(4, 2, MTAN.Settings(layers=[6, 3]))
    x = torch.randn(1, 5, 4)
    shared = sharing.network[1](sharing.network[0](x[0]))
    assert torch.allclose(sharing(x, [0, 1]), 0.5 * shared.expand(2, -1, -1), rtol=0.2)


def test_the_pass_of_one_task_sends_nothing_through_the_others() -> None:
    sharing = moved(3)
    sharing(torch.randn(1, 5, 4), [0, 1, 2])[1].sum().backward()
    assert all(p.grad is None for task in (0, 2) for p in sharing.own(task))


def test_a_mask_only_takes_away() -> None:
    sharing = moved()
    x = torch.randn(1, 5, 4)
    shared = sharing.network[1](sharing.network[0](x[0]))
    assert (sharing(x, [0, 1]) <= shared).all()
    assert (sharing(x, [0, 1]) >= 0).all()
