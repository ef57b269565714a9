"""Normalisation with moments, scale and shift of each domain."""

from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["PartitionedNorm"]

_MEMORY: Final = 20_000
"""How many examples the moments remember."""
_PRIOR: Final = 100
"""How many examples the starting moments count for, so that a domain's first rows do not pass for all of it."""
_FLOOR: Final = 1e-5


class PartitionedNorm(nn.Module):
    """Normalise each input by the moments of the example's domain.

        z' = scale (1 + scale_p) (z - m_p) / sqrt(v_p + 1e-5) + shift + shift_p

    with m_p and v_p the running mean and variance of the input over the examples of domain p, scale_p and shift_p learned
    departures of the domain, 0 at the start. Domain 0, an unknown one, has the moments of all examples and departs from
    nothing. With n new examples of a domain, whose k older ones are remembered, the moments become those of both together,
    the old ones weighed k / (k + n).

    Training and prediction use the running moments alike. The paper takes those of the batch in training, where each batch
    is of one domain; here a batch holds rows of all domains, of some of them one.

    Args:
        width: D.
        domains: how many domains there are, the unknown one included.
    """

    mean: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, width: int, domains: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))
        self.domain_scale = nn.Embedding(domains, width, padding_idx=0)
        self.domain_shift = nn.Embedding(domains, width, padding_idx=0)
        nn.init.zeros_(self.domain_scale.weight)
        nn.init.zeros_(self.domain_shift.weight)
        self.register_buffer("mean", torch.zeros(domains, width))
        self.register_buffer("variance", torch.ones(domains, width))
        self.register_buffer("seen", torch.full((domains, 1), float(_PRIOR)))

    def forward(self, x: Float[Tensor, "B D"], domains: Int[Tensor, "B"]) -> Float[Tensor, "B D"]:
        """Normalise; in training with gradient, learn the moments first."""
        x = x.float()
        if self.training and torch.is_grad_enabled():
            self._learn(x.detach(), domains)
        mean, variance = self.mean.index_select(0, domains), self.variance.index_select(0, domains)
        normal = (x - mean) * torch.rsqrt(variance + _FLOOR)
        scale: Tensor = self.scale * (1 + self.domain_scale(domains))
        shift: Tensor = self.shift + self.domain_shift(domains)
        return normal * scale + shift

    @torch.no_grad()
    def _learn(self, x: Float[Tensor, "B D"], domains: Int[Tensor, "B"]) -> None:
        """Move the moments towards those of new examples; domain 0 stands for all of them."""
        every = torch.zeros_like(domains)
        known = domains > 0
        count = torch.zeros_like(self.seen).index_add_(0, domains, known[:, None].to(x.dtype))
        count[0] = x.shape[0]
        # Around the old means, so that a mean far from zero does not swallow the variance.
        apart = x - self.mean.index_select(0, domains)
        apart = torch.where(known[:, None], apart, 0.0)
        around = x - self.mean.index_select(0, every)
        first = torch.zeros_like(self.mean).index_add_(0, domains, apart).index_add_(0, every, around)
        second = torch.zeros_like(self.mean).index_add_(0, domains, apart.square()).index_add_(0, every, around.square())
        step = first / count.clamp(min=1)
        spread = (second / count.clamp(min=1) - step.square()).clamp(min=0)
        new = count / (count + self.seen)
        mean = self.mean + new * step
        variance = (1 - new) * self.variance + new * spread + new * (1 - new) * step.square()
        fine = mean.isfinite() & variance.isfinite()
        self.mean.copy_(torch.where(fine, mean, self.mean))
        self.variance.copy_(torch.where(fine, variance, self.variance))
        self.seen.copy_((self.seen + count).clamp(max=_MEMORY))
