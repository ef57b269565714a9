"""Start a head at the base rate, so that the first steps learn differences and not the average."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["last_of", "log_odds", "start_at"]


def log_odds(rate: float | Sequence[float]) -> Tensor:
    """Return log(r / (1 - r)) of rates, kept away from 0 and 1."""
    rates = torch.as_tensor(rate, dtype=torch.float32).clamp(1e-4, 1 - 1e-4)
    return torch.logit(rates)


def start_at(network: nn.Sequential, bias: Tensor) -> None:
    """Set the bias of a network's last layer."""
    last = last_of(network)
    with torch.no_grad():
        last.bias.copy_(bias.expand_as(last.bias))


def last_of(network: nn.Sequential) -> nn.Linear:
    """Return the last layer of a network."""
    last = network[-1]
    assert isinstance(last, nn.Linear)
    return last
