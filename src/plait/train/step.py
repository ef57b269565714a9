"""One update of the model. It names no method: balancing and sharing are called through their contracts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.utils import get_total_norm

from plait.balance.base import Balancer
from plait.train.optimiser import Optimiser
from plait.train.precision import autocast
from plait.train.protocol import Trainable
from plait.train.rows import Looked, gather_looked
from plait.train.supply import Draw

__all__ = ["Outcome", "Step"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step saw; tensors on the device, so that nobody waits for them."""

    losses: Float[Tensor, " T"]
    """Mean loss per task over the draws that had it, 0 where none had."""
    present: Bool[Tensor, " T"]
    """Which tasks had a label."""
    weights: Float[Tensor, " T"]
    """The weight the balancer gave each task."""
    skip: Float[Tensor, ""]
    """1 where a loss or gradient was not finite, so that nothing was changed."""


@final
class Step:
    """Forward, balance, check, clip, update.

    Args:
        model: what is trained.
        balancer: turns its losses into gradients.
        optimiser: changes it.
        clip: the longest a gradient may be.
        precision: in what the model is called.
        device: where it lies.
    """

    def __init__(
        self,
        model: Trainable,
        balancer: Balancer,
        optimiser: Optimiser,
        clip: float | None,
        precision: Literal["fp32", "bf16"],
        device: torch.device,
    ) -> None:
        self.model, self.balancer, self.optimiser = model, balancer, optimiser
        self._clip = clip
        self._precision: Literal["fp32", "bf16"] = precision
        self._device = device
        # Tables get no gradient, their looked-up rows do; a method must not lay out zeros for a whole vocabulary.
        self._embeddings = model.embeddings()
        tables = {id(embedding.weight) for embedding in self._embeddings}
        self._shared = [tensor for tensor in model.shared_tensors() if id(tensor) not in tables]
        self._own = [[tensor for tensor in own if id(tensor) not in tables] for own in model.own_tensors()]
        balancer.begin(self._shared)

    def __call__(self, draws: Sequence[Draw], factor: float) -> Outcome:
        """Update the model once.

        Args:
            draws: `balancer.draws` times as many as gradients are to be added up.
            factor: what the learning rates are multiplied by.
        """
        saved = [buffer.clone() for buffer in self.balancer.buffers()]
        turns = [draws[start : start + self.balancer.draws] for start in range(0, len(draws), self.balancer.draws)]
        taken: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self._embeddings]
        seen = [self._backward(turn, taken) for turn in turns]
        losses, present, weights = (torch.stack(values) for values in zip(*seen, strict=True))
        looked = [gather_looked(lookups) for lookups in taken]
        norm = self._norm(looked, losses)
        skip = (~norm.isfinite()).float()
        scale = torch.full_like(norm, len(turns))
        if self._clip is not None:
            scale = torch.maximum(scale, norm / self._clip)
        self.optimiser.step(looked, factor, scale, skip)
        for buffer, before in zip(self.balancer.buffers(), saved, strict=True):
            buffer.copy_(torch.where(skip > 0, before, buffer))
        if self._device.type != "cpu" or not bool(skip):
            self.balancer.after_step(lambda: self._again(turns[-1]))
        count = present.sum(dim=0)
        shares = count.clamp(min=1)
        return Outcome(losses.sum(dim=0) / shares, count > 0, weights.sum(dim=0) / shares, skip)

    def _backward(self, turn: Sequence[Draw], taken: list[list[tuple[Tensor, Tensor]]]) -> tuple[Tensor, Tensor, Tensor]:
        """Add the gradients of one turn; lookups are put into `taken`."""
        found = [self._losses(draw) for draw in turn]
        losses = found[0][0] if len(found) == 1 else torch.stack([values for values, _ in found])
        present = found[0][1] if len(found) == 1 else torch.stack([there for _, there in found])
        looked: list[Tensor] = []
        for lookups, embedding in zip(taken, self._embeddings, strict=True):
            new = embedding.take()
            lookups += new
            looked += [rows for _, rows in new]
        value, there = losses.detach(), present
        if len(found) > 1:
            value, there = value.mean(dim=0), there.any(dim=0)
        # Multi-gradient methods solve small programs on the host that raise on what is no number; there the look is free.
        if self._device.type == "cpu" and not bool(losses.isfinite().all()):
            return value, there, torch.zeros_like(value)
        penalty = self.model.penalty()
        if penalty is not None:
            penalty.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        if not losses.requires_grad:  # no example of these draws has a label
            return value, there, torch.zeros_like(value)
        weights = self.balancer.backward(losses, present, [*self._shared, *looked], self._own)
        return value, there, weights.detach()

    def _losses(self, draw: Draw) -> tuple[Tensor, Tensor]:
        with autocast(self._precision, self._device):
            return self.model.losses(draw.batches, draw.negatives)

    @torch.no_grad()
    def _again(self, turn: Sequence[Draw]) -> Tensor:
        """Compute the losses of a turn with the updated model."""
        found = [self._losses(draw)[0] for draw in turn]
        return found[0] if len(found) == 1 else torch.stack(found)

    def _norm(self, looked: Sequence[Looked | None], losses: Tensor) -> Float[Tensor, ""]:
        """Return the length of the whole gradient; not finite where a loss was not."""
        grads = [parameter.grad for parameter in self.optimiser.dense if parameter.grad is not None]
        grads += [found[2] for found in looked if found is not None]
        length = get_total_norm(grads, foreach=True) if grads else losses.new_zeros(())
        return length + (losses.detach() * 0).sum()
