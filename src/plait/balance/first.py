"""The size each loss had at first, for methods that compare losses of different kinds by how far they have come down."""

from typing import Final, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["FirstLosses"]

_LOOKS: Final = 10
"""First looks at a loss whose mean is its size; one unlucky batch does not spoil it."""


@final
class FirstLosses(nn.Module):
    """The mean absolute value of each task's first ten losses, in buffers.

    Args:
        tasks: T.
    """

    mean: Tensor
    looks: Tensor

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(tasks))
        self.register_buffer("looks", torch.zeros(tasks))

    def forward(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Look at the losses of a step while it is time to, and return the sizes; 1 for a task without one."""
        early = present & (self.looks < _LOOKS)
        self.looks += early
        mean = self.mean + (losses.abs() - self.mean) / self.looks.clamp(min=1)
        self.mean.copy_(torch.where(early, mean, self.mean))
        # A loss of 0 has no size; a task not yet seen has none either.
        return torch.where(self.mean > 0, self.mean, 1.0)

    def __call__(self, losses: Float[Tensor, "T"], present: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(losses, present)  # type: ignore[no-any-return]
