import pytest
import torch
from torch.nn import functional

from support.heads import head

HUBER = {"loss": {"kind": "huber", "delta": 1.5}}


def test_twice_torchs_on_standardised_errors() -> None:
    output = torch.linspace(-4, 4, 9)[:, None]
    label = torch.full((9, 1), 45.0)
    expected = 2 * functional.huber_loss(output[:, 0], torch.full((9,), 0.5), reduction="none", delta=1.5)
    assert torch.allclose(head("regression", HUBER, mean=40.0, std=10.0).losses(output, label, None), expected)


def test_by_hand() -> None:
    losses = head("regression", HUBER).losses(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1), None)
    assert losses.tolist() == pytest.approx([1.0, 2 * 1.5 * 3 - 1.5**2])


def test_far_bounds_are_the_squared_error() -> None:
    output, label = torch.randn(20, 1), torch.randn(20, 1)
    wide = head("regression", {"loss": {"kind": "huber", "delta": 1e6}})
    assert torch.allclose(wide.losses(output, label, None), head("regression").losses(output, label, None), atol=1e-6)
