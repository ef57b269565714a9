import torch
from torch import nn

from plait.balance import IMTLL, Uncertainty


def test_agrees_with_torchjd() -> None:
    from torchjd.scalarization import UW

    values = torch.tensor([0.3, 2.0, 7.0])
    mine, theirs = Uncertainty([1.0, 1.0, 1.0]), UW(3)
    for module in (mine.log_variance, theirs.log_var):
        nn.init.constant_(module, 0.2)
    one, two = values.clone().requires_grad_(), values.clone().requires_grad_()
    mine.backward(one, torch.ones(3, dtype=torch.bool), [one], [[], [], []])
    theirs(two).backward()
    assert torch.allclose(one.grad * 3, two.grad)
    assert torch.allclose(mine.log_variance.grad * 3, theirs.log_var.grad)


def test_a_noisy_task_loses_weight() -> None:
    balancer = Uncertainty([1.0, 1.0])
    optimiser = torch.optim.SGD(balancer.parameters(), lr=0.2)
    for _ in range(300):
        optimiser.zero_grad()
        losses = torch.tensor([0.1, 4.0], requires_grad=True)
        balancer.backward(losses, torch.ones(2, dtype=torch.bool), [], [[], []])
        optimiser.step()
    assert torch.allclose(balancer.log_variance.exp(), torch.tensor([0.1, 4.0]), rtol=0.05)


def test_an_absent_task_keeps_its_variance() -> None:
    balancer = Uncertainty([1.0, 1.0])
    losses = torch.tensor([1.0, 0.0], requires_grad=True)
    weights = balancer.backward(losses, torch.tensor([True, False]), [], [[], []])
    assert weights.tolist() == [0.5, 0.0]
    assert balancer.log_variance.grad is not None
    assert balancer.log_variance.grad[1] == 0


def test_the_weight_of_a_task_is_not_learned_away() -> None:
    losses = torch.tensor([1.0, 1.0], requires_grad=True)
    assert Uncertainty([1.0, 3.0]).backward(losses, torch.ones(2, dtype=torch.bool), [], [[], []]).tolist() == [0.25, 0.75]


def test_the_scales_of_imtl_agree_with_torchjd() -> None:
    from torchjd.scalarization import IMTLL as THEIRS

    values = torch.tensor([0.3, 2.0, 7.0])
    mine, theirs = IMTLL([1.0, 1.0, 1.0]), THEIRS(3)
    (scale,) = theirs.parameters()
    for tensor in (mine.log_scale, scale):
        nn.init.constant_(tensor, 0.2)
    one, two = values.clone().requires_grad_(), values.clone().requires_grad_()
    mine.backward(one, torch.ones(3, dtype=torch.bool), [one], [[], [], []])
    theirs(two).backward()
    assert torch.allclose(one.grad * 3, two.grad)
    assert torch.allclose(mine.log_scale.grad * 3, scale.grad)


def test_the_scales_of_imtl_make_every_loss_one() -> None:
    balancer = IMTLL([1.0, 1.0, 1.0])
    optimiser = torch.optim.SGD(balancer.parameters(), lr=0.2)
    for _ in range(300):
        optimiser.zero_grad()
        losses = torch.tensor([0.1, 4.0, 2.0], requires_grad=True)
        balancer.backward(losses, torch.tensor([True, True, False]), [], [[], [], []])
        optimiser.step()
    assert torch.allclose(balancer.log_scale.exp()[:2] * torch.tensor([0.1, 4.0]), torch.ones(2), rtol=0.01)
    assert balancer.log_scale[2] == 0, "a task that is not present keeps its scale"
