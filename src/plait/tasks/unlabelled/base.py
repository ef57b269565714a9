"""The contract of learning from rows without a label: what is predicted for them, twice, in; a loss out."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from plait import schema

__all__ = ["Unlabelled", "UnlabelledSettings", "distributions", "ramp"]


class Unlabelled(nn.Module, ABC):
    """Compute what predictions for rows without a label cost.

    Every such row of a step is read once with everything it says and once with a random part of it left out. Whatever is
    remembered between steps is a buffer, which checkpoints keep.
    """

    @abstractmethod
    def forward(self, seen: Float[Tensor, "Q C"], partly: Float[Tensor, "Q C"], done: float) -> Float[Tensor, ""]:
        """Compute the loss, the mean over all questions.

        Args:
            seen: the chances of the answers to each question, of the row with everything it says.
            partly: the same of the row of which a part is left out.
            done: how much of the training is behind, from 0 to 1.
        """

    def __call__(self, seen: Float[Tensor, "Q C"], partly: Float[Tensor, "Q C"], done: float) -> Float[Tensor, ""]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(seen, partly, done)  # type: ignore[no-any-return]


class UnlabelledSettings(schema.Settings):
    """What every way has in common; each adds its `kind` and says how it is built."""

    weight: float = Field(default=0.3, ge=0)
    """Of this loss, beside what balancing makes of the tasks' losses."""
    after: float = Field(default=0.3, ge=0, lt=1)
    """The share of the training after which it begins; half-way from there to the end it has its full weight."""
    drop: float = Field(default=0.2, ge=0, lt=1)
    """The share of the numbers of an example that are left out of the second reading."""
    ratio: float = Field(default=3.0, ge=0)
    """How many rows without any label come up in an epoch for each that has one, other ones each time."""

    @abstractmethod
    def build(self, answers: int) -> Unlabelled:
        """Build it.

        Args:
            answers: how many answers a question has.
        """


def ramp(done: float, after: float) -> float:
    """Return the share of the weight: 0 until `after`, 1 from half-way between there and the end."""
    return min(max(2 * (done - after) / (1 - after), 0.0), 1.0)


def distributions(chances: Float[Tensor, "B P"], several: bool) -> Float[Tensor, "Q C"]:
    """Write what a head predicts as one distribution per question.

    Args:
        chances: the chance of each class; of a single column, the chance of yes.
        several: each column is a question of its own, answered no or yes.
    """
    if several or chances.shape[1] == 1:
        yes = chances.reshape(-1)
        return torch.stack([1 - yes, yes], dim=1)
    return chances
