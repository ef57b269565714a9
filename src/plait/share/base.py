"""The contract of sharing: one vector per example and role in, one vector per example and task out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Sharing"]


class Sharing(nn.Module, ABC):
    """Turn the joint input of a batch into one vector per task.

    Every task may read what it wants of the input, and the parts that several tasks read are where they help or hurt each
    other. An implementation knows neither tables nor losses: it is given a width and a number of tasks.

    Attributes:
        views: how many embeddings of the input it wants (STEM wants one per task and a shared one).
        width: H, the length of the vector each task gets.
    """

    views: int = 1
    width: int

    @abstractmethod
    def forward(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> Float[Tensor, "t B H"]:
        """Compute the vectors of some tasks.

        Args:
            x: the joint input.
            tasks: which tasks' vectors are wanted, by number; only these are computed, so that examples of one table do not
                pay for the tasks of another.

        Returns:
            One vector per example for each of `tasks`, in their order.
        """

    def gates(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> dict[str, Float[Tensor, "t E"]]:
        """Return how much each task leans on each expert, averaged over the batch, per level; empty where there are none."""
        return {}

    def own(self, task: int) -> list[nn.Parameter]:
        """Return the parameters that only this task reads; balancing leaves them alone. None by default."""
        return []

    def __call__(self, x: Float[Tensor, "views B D"], tasks: Sequence[int]) -> Float[Tensor, "t B H"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(x, tasks)  # type: ignore[no-any-return]
