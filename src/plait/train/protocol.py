"""What training needs of a model: the verbs of `plait.model.MultiTaskModel` that it calls."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor, device, nn

from plait.data.batches import Batch
from plait.data.negatives import Negatives
from plait.encode.ids import FusedEmbedding

__all__ = ["Trainable"]


@runtime_checkable
class Trainable(Protocol):
    """A module with several losses.

    Attributes:
        names: the tasks, in the order of the losses.
    """

    names: list[str]

    def losses(
        self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]
    ) -> tuple[Float[Tensor, " T"], Bool[Tensor, " T"]]:
        """Compute one mean loss per task, and which tasks have one."""

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what is added to the objective besides the losses since the last call, and forget it."""

    def before_step(self, done: float) -> None:
        """Hear how much of the training is behind, from 0 to 1."""

    def rates(self) -> list[tuple[nn.Parameter, float]]:
        """Return the parameters that have a learning rate of their own, with it; the others have the recipe's."""

    def shared_tensors(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task may read."""

    def shared_parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the same by the part of the model they make up."""

    def own_tensors(self) -> list[list[nn.Parameter]]:
        """Return for each task the parameters that only it moves."""

    def private_tensors(self) -> list[list[nn.Parameter]]:
        """Return for each task those of its own parameters that no other task's prediction depends on."""

    def embeddings(self) -> list[FusedEmbedding]:
        """Return the tables whose looked-up rows are updated in place."""

    def gates(self, batch: Batch) -> dict[str, dict[str, Float[Tensor, " E"]]]:
        """Return per level how much each task of the batch's table leans on each expert."""

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """As of `nn.Module`."""

    def state_dict(self) -> dict[str, Tensor]:
        """As of `nn.Module`."""

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object:
        """As of `nn.Module`."""

    def train(self, mode: bool = True) -> "Trainable":
        """As of `nn.Module`."""

    def eval(self) -> "Trainable":
        """As of `nn.Module`."""

    def to(self, device: device) -> "Trainable":
        """As of `nn.Module`."""
