"""Adam for one number per task, for methods that learn weights outside the model's optimiser."""

from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["TaskAdam"]

_MEAN, _SQUARE = 0.9, 0.999


@final
class TaskAdam(nn.Module):
    r"""Adam whose state is in buffers, so that it is in checkpoints and put back where a step was skipped.

    A task that is not there in a step keeps its state. The step of a number does not depend on the scale of its gradients.

    Args:
        tasks: T.
        rate: the learning rate.

    References:
        Kingma and Ba, ICLR 2015, https://arxiv.org/abs/1412.6980.
    """

    mean: Tensor
    square: Tensor
    looks: Tensor

    def __init__(self, tasks: int, rate: float) -> None:
        super().__init__()
        self._rate = rate
        for name in ("mean", "square", "looks"):
            self.register_buffer(name, torch.zeros(tasks))

    def forward(self, gradient: Float[Tensor, "T"], there: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Return what is to be taken off the numbers; 0 for a task that is not there."""
        self.looks += there
        self.mean.copy_(torch.where(there, self.mean.lerp(gradient, 1 - _MEAN), self.mean))
        self.square.copy_(torch.where(there, self.square.lerp(gradient.square(), 1 - _SQUARE), self.square))
        looks = self.looks.clamp(min=1)
        size = (self.square / (1 - _SQUARE**looks)).sqrt()
        step = self.mean / (1 - _MEAN**looks) / size.clamp(min=1e-30)
        return torch.where(there, self._rate * step, 0.0)

    def __call__(self, gradient: Float[Tensor, "T"], there: Bool[Tensor, "T"]) -> Float[Tensor, "T"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(gradient, there)  # type: ignore[no-any-return]
