"""Promise T4: what is no number never reaches a weight, is counted, and ends the training when it does not end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plait.balance.base import Balancer
from plait.data.batches import Batch
from plait.data.negatives import Negatives
from plait.errors import DivergedError
from support.model import TASKS, Learned, Mean, Tiny
from support.prepared import shop
from support.runs import digest, settings, train


class Poisoned(Tiny):
    """Now and then the loss of `like`, or only its gradient, is no number or far too large."""

    def __init__(self, prepared, poison: float, every: int, gradient: bool = False) -> None:
        super().__init__(prepared, dropout=0.0)
        self.poison, self.every, self.gradient, self.calls = poison, every, gradient, 0

    def losses(self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]) -> tuple[Tensor, Tensor]:
        losses, present = super().losses(batches, negatives)
        backward = torch.is_grad_enabled()
        self.calls += backward
        if backward and self.calls % self.every == 0:
            hurt = torch.tensor([self.poison, 0.0, 0.0])
            losses = losses + _Sour.apply(self.shared[0].weight, hurt) if self.gradient else losses * (hurt + 1)
        return losses, present


class _Sour(torch.autograd.Function):
    """Nothing forward, poison backward."""

    @staticmethod
    def forward(ctx, weight, hurt):
        ctx.save_for_backward(weight, hurt)
        return torch.zeros_like(hurt)

    @staticmethod
    def backward(ctx, grad):
        weight, hurt = ctx.saved_tensors
        return torch.full_like(weight, float(hurt[0])), None


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf"), 1e30])
@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("kind", [Mean, Learned])
def test_no_weight_is_lost(poison: float, gradient: bool, kind: type[Balancer]) -> None:
    prepared = shop(ratings=400)
    model, balancer = Poisoned(prepared, poison, every=5, gradient=gradient), kind()
    _, fitted = train(prepared, settings(), lambda: balancer, model=model)
    tensors = [*model.state_dict().values(), *balancer.state_dict().values()]
    assert all(bool(tensor.isfinite().all()) for tensor in tensors)
    assert all(bool((tensor.abs() < 1e4).all()) for tensor in model.state_dict().values())
    if kind is Mean or gradient or poison != 1e30:  # `Learned` divides a loss by its own size, so 1e30 is an ordinary step
        assert fitted.skipped == fitted.steps // 5
    assert all(loss == loss for loss in fitted.curves["like"].losses)


def test_a_skipped_step_changes_nothing() -> None:
    prepared = shop(ratings=100)
    model = Poisoned(prepared, float("nan"), every=1)
    before = digest(model.state_dict())
    with pytest.raises(DivergedError):
        train(prepared, settings(max_skips=2), model=model)
    assert digest(model.state_dict()) == before


def test_too_many_in_a_row_end_the_training(tmp_path: Path) -> None:
    prepared = shop(ratings=400)
    words = (
        r"should be finite numbers, or the weights would be lost\. Found 4 steps in a row that were not, at step 4 of 14 "
        r"\(the loss of `like` in 4 steps\); they were skipped\. Look for extreme values with `plait check`, or lower"
    )
    with pytest.raises(DivergedError, match=words) as raised:
        train(prepared, settings(max_skips=4), model=Poisoned(prepared, float("inf"), every=1), out=tmp_path)
    assert raised.value.exit_code == 3


def test_the_last_good_checkpoint_is_named(tmp_path: Path) -> None:
    prepared = shop(ratings=400)

    class Later(Poisoned):
        def losses(self, batches, negatives):
            self.every = 1 if self.calls >= 8 else 1000
            return super().losses(batches, negatives)

    with pytest.raises(DivergedError, match=r"The last good checkpoint is in `.*checkpoints`"):
        train(prepared, settings(max_skips=3), model=Later(prepared, float("nan"), every=1000), out=tmp_path)


def test_gradients_alone_are_named() -> None:
    prepared = shop(ratings=100)
    with pytest.raises(DivergedError, match=r"\(gradients only\)"):
        train(prepared, settings(max_skips=1), model=Poisoned(prepared, float("nan"), every=1, gradient=True))


def test_a_broken_label_hurts_nobody() -> None:
    prepared = shop(ratings=400)
    labels = prepared.tables["ratings"].labels["stars"]
    labels[torch.arange(3, 401, 40)] = float("inf")
    model, fitted = train(prepared, settings(batch=8, epochs=1))
    assert 0 < fitted.skipped < fitted.steps / 2
    assert all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values())
    assert TASKS[1] == "stars"
