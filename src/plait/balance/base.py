"""The contract of balancing: several losses in, one update of the shared part out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["Balancer"]


class Balancer(nn.Module, ABC):
    """Decide how much each task moves the model in this step.

    The order of calls in one step is `backward`, then the optimiser's step, then `after_step`. What a method learns itself
    (uncertainty's variances) are its parameters; the optimiser updates them with everything else.

    Attributes:
        draws: how many independent batches it wants per step.
    """

    draws: int = 1

    @abstractmethod
    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of every tensor that led to the losses.

        Args:
            losses: one mean loss per task; 0 and without gradient where the task is not present.
            present: which tasks have at least one label in this step.
            shared: the leaf tensors that more than one task reads: parameters, and the looked-up embedding rows.
            own: for each task the leaf tensors that only it reads.

        Returns:
            The weight each task got, detached, 0 where not present; for the log.
        """

    def after_step(self, losses: Callable[[], Float[Tensor, "T"]]) -> None:
        """Look again after the update; nothing by default.

        Args:
            losses: computes the losses of the same batch once more, with the updated model.
        """
