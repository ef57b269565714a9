"""Dropout from bytes: right on average, the same for the same seed, and used by the encoder that is tuned."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from plait.encode.text.dropout import ByteDropout, byte_dropout


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.9])
def test_the_mean_stays_and_the_share_is_that_asked_for(p: float) -> None:
    torch.manual_seed(3)
    made = byte_dropout(torch.ones(400_001), p)
    assert float((made == 0).float().mean()) == pytest.approx(p, abs=0.004)
    assert float(made.mean()) == pytest.approx(1, abs=0.02)
    assert made.unique().numel() == 2


def test_numbers_are_dropped_one_by_one_not_in_runs() -> None:
    torch.manual_seed(5)
    kept = byte_dropout(torch.ones(80_000), 0.5).view(-1, 8) > 0
    alike = torch.corrcoef(kept.float().T)
    assert float((alike - torch.eye(8)).abs().max()) < 0.05


def test_the_gradient_goes_where_the_numbers_went() -> None:
    x = torch.randn(7, 5, requires_grad=True)
    y = byte_dropout(x, 0.3)
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(y.detach(), x.detach() * (grad > 0) * grad.max())
    assert grad.unique().tolist() == pytest.approx([0, 256 / (256 - 77)])


def test_the_seed_decides() -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(byte_dropout(torch.ones(33, 3), 0.5))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


@pytest.mark.parametrize(("p", "training"), [(0.0, True), (0.5, False), (0.001, False), (1.0, True)])
def test_nothing_and_all(p: float, training: bool) -> None:
    x = torch.randn(4, 4)
    assert torch.equal(byte_dropout(x, p, training), functional.dropout(x, p, training))


def test_it_stands_for_torchs_own_inside_only(monkeypatch: pytest.MonkeyPatch) -> None:
    drop = torch.nn.Dropout(0.1)
    x = torch.ones(1000)
    scale = 256 / (256 - 26)
    with ByteDropout():
        assert float(drop(x).max()) == pytest.approx(scale)
        assert float(functional.dropout(x, p=0.1, training=True).max()) == pytest.approx(scale)
        assert torch.equal(drop.eval()(x), x)
    assert float(drop.train()(x).max()) == pytest.approx(1 / 0.9)
