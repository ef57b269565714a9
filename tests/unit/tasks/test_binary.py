import torch
from torch.nn import functional

from support.heads import head


def test_starts_at_the_base_rate() -> None:
    built = head("binary", mean=0.2)
    assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[0.2]]))


def test_a_rate_of_zero_or_one_stays_finite() -> None:
    for mean in (0.0, 1.0):
        built = head("binary", mean=mean)
        assert built(torch.zeros(1, 3)).isfinite().all()


def test_loss_by_hand() -> None:
    output = torch.tensor([[0.5], [-2.0]])
    losses = head("binary").losses(output, torch.tensor([[1.0], [0.0]]), None)
    chance = torch.sigmoid(output[:, 0])
    assert torch.allclose(losses, torch.stack([-chance[0].log(), -(1 - chance[1]).log()]))
    assert torch.allclose(losses, functional.binary_cross_entropy(chance, torch.tensor([1.0, 0.0]), reduction="none"))
