import torch

from support.heads import head


def test_predicts_on_the_labels_scale() -> None:
    built = head("regression", mean=40.0, std=10.0)
    assert built.predict(torch.tensor([[0.5]])).item() == 45.0


def test_the_loss_is_in_units_of_the_variance() -> None:
    built = head("regression", mean=40.0, std=10.0)
    losses = built.losses(torch.zeros(2, 1), torch.tensor([[50.0], [20.0]]), None)
    assert losses.tolist() == [1.0, 4.0]
    other = head("regression", mean=0.4, std=0.1)
    assert torch.allclose(other.losses(torch.zeros(2, 1), torch.tensor([[0.5], [0.2]]), None), losses)
