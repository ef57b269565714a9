import torch

from plait.share import Separate


def test_every_task_has_a_network_of_its_own() -> None:
    sharing = Separate(4, 3, Separate.Settings(layers=[5, 2]))
    x = torch.randn(1, 6, 4)
    out = sharing(x, [2, 0])
    assert torch.equal(out[0], sharing.networks[2](x[0]))
    assert torch.equal(out[1], sharing.networks[0](x[0]))
    assert not torch.equal(out[0], out[1])


def test_all_parameters_are_owned() -> None:
    sharing = Separate(4, 3, Separate.Settings(layers=[5, 2]))
    owned = {id(p) for task in range(3) for p in sharing.own(task)}
    assert owned == {id(p) for p in sharing.parameters()}


def test_only_the_tasks_asked_for_are_computed() -> None:
    sharing = Separate(4, 2, Separate.Settings(layers=[5]))
    sharing(torch.randn(1, 6, 4), [1]).sum().backward()
    assert all(p.grad is None for p in sharing.own(0))
