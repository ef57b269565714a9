import torch

from support.heads import head

RATES = {"classes": ["a", "b", "c"], "class_rate": [0.5, 0.25, 0.1], "label_width": 2}


def test_starts_at_the_classes_rates() -> None:
    built = head("multilabel", **RATES)
    assert torch.allclose(built.predict(built(torch.zeros(1, 3))), torch.tensor([[0.5, 0.25, 0.1]]))


def test_padding_is_no_class() -> None:
    built = head("multilabel", **RATES)
    output = torch.zeros(3, 3)
    labels = torch.tensor([[2.0, -1.0], [-1.0, -1.0], [0.0, 1.0]])
    output[0, 2] = 50.0
    losses = built.losses(output, labels, None)
    half = torch.tensor(2.0).log()
    assert torch.allclose(losses, torch.stack([2 * half / 3, half, half]))


def test_a_class_named_twice_counts_once() -> None:
    built = head("multilabel", **RATES)
    output = torch.randn(1, 3)
    once, twice = torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    assert torch.equal(built.losses(output, once, None), built.losses(output, twice, None))
