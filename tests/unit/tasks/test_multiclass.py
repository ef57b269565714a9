import torch

from support.heads import head

RATES = {"classes": ["a", "b", "c"], "class_rate": [0.5, 0.5, 0.0]}


def test_starts_at_the_classes_rates() -> None:
    built = head("multiclass", **RATES)
    assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[0.5, 0.5, 0.0]]), atol=1e-3)
    assert built.columns == ["a", "b", "c"]


def test_loss_by_hand() -> None:
    output = torch.tensor([[1.0, 2.0, 0.0]])
    expected = -(torch.tensor(2.0).exp() / torch.tensor([1.0, 2.0, 0.0]).exp().sum()).log()
    assert torch.allclose(head("multiclass", **RATES).losses(output, torch.tensor([[1.0]]), None), expected)
