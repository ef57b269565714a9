"""The gradients of all tasks at everything they share, part by part, and the angles between them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from plait.data.batches import Batch
from plait.data.negatives import Negatives
from plait.encode.ids import FusedEmbedding

__all__ = ["Angles", "Leaf", "Losses", "Rows", "TaskGradients", "task_gradients"]

Rows = tuple[Sequence[Batch], Mapping[str, Negatives]]
"""What `losses` reads: at most one batch per table, and sampled candidates."""

Angles = list[list[float]]
"""Cosines `[T, T]`, rounded to four decimals; NaN where a task has no label, no such parameter or a gradient of length 0."""


@runtime_checkable
class Losses(Protocol):
    """What is asked of a model: several losses, and what they have in common."""

    def losses(
        self, batches: Sequence[Batch], negatives: Mapping[str, Negatives]
    ) -> tuple[Float[Tensor, " T"], Bool[Tensor, " T"]]:
        """Compute one mean loss per task, and which tasks have one."""

    def penalty(self) -> Float[Tensor, ""] | None:
        """Return what is added to the objective besides the losses since the last call, and forget it."""

    def shared_parts(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters that more than one task may read, tables of embeddings among them, by part of the model."""

    def embeddings(self) -> list[FusedEmbedding]:
        """Return the tables whose rows are looked up."""

    def named_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """As of `nn.Module`."""

    def eval(self) -> object:
        """As of `nn.Module`."""


@final
@dataclass(frozen=True, slots=True)
class Leaf:
    """Something that tasks share: a parameter, or the rows of a table that were looked up."""

    part: str
    tensor: Tensor
    """The parameter, or the table."""
    codes: Tensor | None
    """Of the rows, distinct; None for a parameter."""


@final
@dataclass(frozen=True, slots=True)
class TaskGradients:
    """The gradient of each task at each leaf.

    Attributes:
        leaves: parameters and looked-up rows; a table that was looked up twice has two.
        rows: task number -> its gradient at each leaf; tasks without a label are left out.
        tasks: T.
    """

    leaves: list[Leaf]
    rows: dict[int, list[Tensor]]
    tasks: int

    def cosines(self) -> tuple[Angles, dict[str, Angles]]:
        r"""Return the cosines between the gradients of every two tasks, at everything they share and at each part.

        .. math:: c_{ij}^p = \frac{G_{ij}^p}{\sqrt{G_{ii}^p G_{jj}^p}}, \qquad
            G_{ij}^p = \langle \nabla_p L_i, \nabla_p L_j \rangle

        with p a part of the model and L_i the loss of task i; for the whole, G is summed over the parts. A code that was
        looked up twice counts once. Parts at which no two tasks meet are left out.

        References:
            Yu et al.: Gradient Surgery for Multi-Task Learning, NeurIPS 2020, https://arxiv.org/abs/2001.06782.
        """
        nothing = [[float("nan")] * self.tasks for _ in range(self.tasks)]
        grams = self._grams()
        if not grams:
            return nothing, {}
        found = torch.stack([torch.stack(list(grams.values())).sum(0), *grams.values()])
        lengths = found.diagonal(dim1=1, dim2=2).sqrt()
        cosines = found / (lengths[:, :, None] * lengths[:, None, :])
        met = cosines.isfinite().sum(dim=(1, 2)) > cosines.diagonal(dim1=1, dim2=2).isfinite().sum(dim=1)
        angles = [[[round(value, 4) for value in row] for row in between] for between in cosines.cpu().tolist()]
        return angles[0], {p: a for p, a, some in zip(grams, angles[1:], met[1:].tolist(), strict=True) if some}

    def _grams(self) -> dict[str, Float[Tensor, "T T"]]:
        """Return the inner products between the gradients of the tasks at each part; 0 for tasks without a label."""
        found: dict[str, Tensor] = {}
        if not self.rows:
            return found
        numbers = torch.tensor(list(self.rows), device=self.leaves[0].tensor.device) if self.leaves else torch.empty(0)
        together: dict[int, list[int]] = {}
        for place, leaf in enumerate(self.leaves):
            together.setdefault(id(leaf.tensor), []).append(place)
        for places in together.values():
            stacked = self._stacked(places)
            gram = stacked.new_zeros(self.tasks, self.tasks)
            gram[numbers[:, None], numbers[None]] = stacked @ stacked.T
            part = self.leaves[places[0]].part
            found[part] = found[part] + gram if part in found else gram
        return found

    def _stacked(self, places: Sequence[int]) -> Float[Tensor, "t n"]:
        """Lay the tasks' gradients at one parameter or table out, those of one code in two lookups added up."""
        each = [torch.stack([grads[place] for grads in self.rows.values()]).float() for place in places]
        codes = [self.leaves[place].codes for place in places]
        known = [some for some in codes if some is not None]
        if len(places) == 1 or len(known) < len(codes):
            return each[0].flatten(1)
        distinct, at = torch.unique(torch.cat(known), return_inverse=True)
        stacked = torch.cat(each, dim=1)
        return stacked.new_zeros(stacked.shape[0], len(distinct), stacked.shape[2]).index_add(1, at, stacked).flatten(1)


def task_gradients(model: Losses, rows: Rows, within: AbstractContextManager[object] | None = None) -> TaskGradients:
    """Return the gradient of each task at everything that more than one task may read.

    Of an embedding only the rows that were looked up can have a gradient; they are the leaves. The model is called, and
    left, in evaluation mode; its own gradients and the random state stay as they are.

    Args:
        model: any with these verbs.
        rows: what its losses are computed on.
        within: the context it is called in, such as autocast.
    """
    model.eval()
    # Rows are leaves in training only, and cuDNN knows no backward pass of recurrent layers in evaluation.
    for _, module in model.named_modules():
        if isinstance(module, FusedEmbedding | nn.RNNBase):
            module.train()
    try:
        with within or nullcontext():
            losses, present = model.losses(*rows)
        model.penalty()
    finally:
        taken = {id(table.weight): table.take() for table in model.embeddings()}
        model.eval()
    leaves: list[Leaf] = []
    tensors: list[Tensor] = []
    for part, shared in model.shared_parts().items():
        for tensor in shared:
            if id(tensor) in taken:
                leaves += [Leaf(part, tensor, codes.long()) for codes, _ in taken[id(tensor)]]
                tensors += [looked_up for _, looked_up in taken[id(tensor)]]
            else:
                leaves.append(Leaf(part, tensor, None))
                tensors.append(tensor)
    there = [n for n, one in enumerate(present.tolist()) if one and losses[n].requires_grad] if tensors else []
    found = {
        number: list(
            torch.autograd.grad(
                losses[number], tensors, retain_graph=number != there[-1], allow_unused=True, materialize_grads=True
            )
        )
        for number in there
    }
    return TaskGradients(leaves, found, len(losses))
