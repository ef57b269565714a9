"""The contract of balancing: several losses in, one update of the shared part out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait import schema

__all__ = ["BalanceSettings", "Balancer"]


class Balancer(nn.Module, ABC):
    """Decide how much each task moves the model in this step.

    The order of calls is `begin` once; in every step `before_step`, `backward`, the optimiser's step, `after_step`; after an
    epoch's evaluation `after_epoch`. What a method learns by gradient (uncertainty's variances) are its parameters; the
    optimiser updates them with everything else. Whatever else it remembers are its buffers, laid out by `begin` at the
    latest and of one shape from then on: they are kept in checkpoints, and put back where a step was skipped.

    Attributes:
        draws: how many independent batches it wants per step.
    """

    draws: int = 1

    def begin(self, shared: Sequence[Tensor]) -> None:
        """Lay out what is remembered per parameter; nothing by default.

        Args:
            shared: the parameters that more than one task reads, as they come first in the `shared` of every `backward`.
                Looked-up embedding rows come after them, others in every step, so that nothing can be kept for those.
        """

    def before_step(self, done: float) -> None:
        """Hear how much of the training is behind, from 0 to 1; nothing by default."""

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
            losses: one mean loss per task; 0 and without gradient where the task is not present. `[draws, T]` where several
                draws are wanted.
            present: which tasks have at least one label in this step; of the shape of `losses`.
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

    def after_epoch(self, losses: Float[Tensor, "T"], scores: Float[Tensor, "T"]) -> None:
        """Hear how an epoch went; nothing by default.

        Args:
            losses: mean training loss per task, NaN for a task without a label.
            scores: each task's deciding metric on the validation part, signed so that more is better; NaN where unknown.
        """


class BalanceSettings(schema.Settings):
    """The base of every balancer's settings; each adds its `kind` and says how its balancer is built."""

    @abstractmethod
    def build(self, names: Sequence[str], weights: Sequence[float]) -> Balancer:
        """Build the balancer.

        Args:
            names: the tasks, in the order of the losses.
            weights: the recipe's weight of each task, which multiplies its loss.

        Raises:
            RecipeError: the settings name a task that does not exist, or the method cannot do with these tasks.
        """
