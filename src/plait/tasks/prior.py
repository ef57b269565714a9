"""Start a head at the base rate, so that the first steps learn differences and not the average."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["log_odds", "start_at"]


def log_odds(rate: float | Sequence[float]) -> Tensor:
    """Return log(r / (1 - r)) of rates, kept away from 0 and 1."""
    rates = torch.as_tensor(rate, dtype=torch.float32).clamp(1e-4, 1 - 1e-4)
    return torch.logit(rates)


def start_at(network: nn.Sequential, bias: Tensor) -> None:
    """Set the bias of a network's last layer."""
    last = network[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.bias.copy_(bias.expand_as(last.bias))
