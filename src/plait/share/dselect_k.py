"""A gate that ends on k experts: selectors that walk to a binary code, and a softmax over the selectors."""

import math
from typing import Literal, final

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from plait import schema

__all__ = ["DSelectK"]

_FLAT = 1e-6
"""A bit this near to 0 or 1 adds no entropy: its logarithm would be infinite."""

_SETTLED = 0.05
"""A bit this near to 0 or 1 is one in evaluation: the smooth step is flat there, and training takes long over the rest."""


@final
class DSelectK(nn.Module):
    """Choose k experts by gradient descent alone.

        g = sum_i softmax(a)_i r(z_i),    r(z)_e = prod_j S(z_j) where bit j of e is 1, 1 - S(z_j) where it is 0

    with i the k selectors, z_i one number per bit of an expert's number, and S the smooth step: 0 up to -w/2, 1 from w/2
    on, -2 (z/w)^3 + 3/2 (z/w) + 1/2 between. A selector whose numbers have all left (-w/2, w/2) gives one expert the weight
    1 and every other exactly 0. a and z are learned numbers (a static gate), or linear in the input (one for each example).

    In evaluation a bit within 0.05 of 0 or 1 is taken for 0 or 1, so that a gate that has all but decided is as sparse as
    one that has.

    To get there sooner, `entropy` times the entropy of every selector, which is that of its bits, is added to the objective.

    Args:
        width: D, length of what the gate reads.
        experts: E.
        settings: how many it chooses, and how.

    Shape:
        `[B, D]` -> `[B, E]` in float32, non-negative, with sum 1.

    References:
        Hazimeh et al.: DSelect-k: Differentiable Selection in the Mixture of Experts, NeurIPS 2021,
        https://arxiv.org/abs/2106.03760.

    Relations:
        Where E is no power of two the paper punishes codes without an expert; here a code beyond the last expert stands for
        one of the first again, so that every code counts and the weights always add up to 1. The paper does not
        round in evaluation.
    """

    class Settings(schema.Settings):
        """A few experts per task, chosen by gradient descent."""

        kind: Literal["dselect_k"] = "dselect_k"
        selectors: int = Field(default=2, ge=1)
        """k, the most experts a task ends with."""
        per_example: bool = False
        """Whether each example chooses for itself; otherwise a task's choice is the same for all."""
        step: float = Field(default=1.0, gt=0)
        """w, how wide the smooth step is."""
        entropy: float = Field(default=0.01, ge=0)
        """Weight of the selectors' entropy in the objective, in nats; more makes them decide sooner."""

    def __init__(self, width: int, experts: int, settings: Settings) -> None:
        super().__init__()
        self.experts, self.selectors, self.bits = experts, settings.selectors, math.ceil(math.log2(experts))
        self.step, self.entropy = settings.step, settings.entropy
        size = self.selectors * (self.bits + 1)
        self.weight = nn.Parameter(torch.empty(size, width)) if settings.per_example else None
        self.bias = nn.Parameter(torch.empty(size))
        for parameter in self.parameters():
            # Selectors that start alike would stay alike.
            nn.init.uniform_(parameter, -self.step / 100, self.step / 100)
        self._added: list[Tensor] = []

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """Weigh the experts."""
        numbers = self.bias.expand(1, -1) if self.weight is None else nn.functional.linear(x, self.weight, self.bias)
        numbers = numbers.float().view(-1, self.selectors, self.bits + 1)
        bits = self._smooth_step(numbers[..., 1:])
        if self.training and self.entropy and torch.is_grad_enabled():
            self._added.append(self.entropy * _entropy(bits))
        if not self.training:
            bits = torch.where((bits - 0.5).abs() > 0.5 - _SETTLED, bits.round(), bits)
        weights = (torch.softmax(numbers[..., 0], dim=1)[..., None] * self._select(bits)).sum(1)
        return weights.expand(x.shape[0], -1)

    def penalty(self) -> list[Float[Tensor, ""]]:
        """Return what each pass since the last call adds to the objective, and forget it."""
        added, self._added = self._added, []
        return added

    def _smooth_step(self, numbers: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        ratio = (numbers / self.step).clamp(-0.5, 0.5)
        return ratio * (1.5 - 2 * ratio.square()) + 0.5

    def _select(self, bits: Float[Tensor, "b k m"]) -> Float[Tensor, "b k E"]:
        """Turn bits into a weight for each expert."""
        codes = bits.new_ones(*bits.shape[:2], 1)
        for bit in bits.unbind(2):
            codes = torch.cat([codes * (1 - bit[..., None]), codes * bit[..., None]], dim=2)
        first, again = codes[..., : self.experts], codes[..., self.experts :]
        return first + nn.functional.pad(again, (0, self.experts - again.shape[2])) if again.shape[2] else first

    def __call__(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(x)  # type: ignore[no-any-return]


def _entropy(bits: Float[Tensor, "b k m"]) -> Float[Tensor, ""]:
    """Return the codes' entropy, summed over selectors and averaged over rows: bits are independent, so theirs add up."""
    within = bits.clamp(_FLAT, 1 - _FLAT)
    total: Tensor = -(within * within.log() + (1 - within) * (1 - within).log()).sum()
    return total / max(1, bits.shape[0])
