"""Methods that look at the gradient of every task: TorchJD's weightings of the Gramian."""

from collections.abc import Callable, Sequence
from typing import Literal, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plait import schema
from plait.balance.base import Balancer

__all__ = ["Gradients", "UPGrad", "Weighting"]

Weighting = Callable[[Float[Tensor, "t t"]], Float[Tensor, " t"]]
"""From the inner products of the tasks' gradients to their weights."""


class UPGrad:
    """Project every task's gradient to where it hurts no other, and average.

    With g_t the gradients, the update is sum_t w_t g_t where w comes from projecting each g_t onto the dual cone of all
    rows: along the update no task's loss rises, to first order.

    References:
        Quinton, Rey: Jacobian Descent for Multi-Objective Optimization, 2024, https://arxiv.org/abs/2406.16232.
    """

    class Settings(schema.Settings):
        """No task's loss may rise."""

        kind: Literal["upgrad"] = "upgrad"

    @staticmethod
    def weighting() -> Weighting:
        """Return TorchJD's weighting."""
        from torchjd.aggregation import UPGradWeighting

        return UPGradWeighting()


@final
class Gradients(Balancer):
    """Weigh tasks by the inner products of their gradients.

        G_st = <g_s, g_t>,    w = weighting(G),    gradient of the shared part = sum_t w_t g_t

    with g_t the gradient of task t's loss, times the recipe's weight of the task, with respect to all shared tensors: the
    parameters, and the looked-up rows of the embeddings (each distinct code once, so that inner products are those of the
    embedding table's own gradients). Tasks that are not present, or whose gradient is zero, take no part and get weight
    0. What only one task reads gets that task's own gradient, divided by the number of tasks present as in `Average`.
    With one task this is plain training. A gradient that is not finite makes all weights, and so all gradients, not
    finite: the step is seen to be broken and can be skipped.

    The cost is one backward pass per task where `Average` has one in all; the gradients of all tasks are held at once.

    Args:
        weights: the recipe's weight of each task.
        weighting: the method.

    Relations:
        `Average` and `Uncertainty` run one backward pass; prefer them until tasks are seen to hurt each other.
    """

    task_weights: Tensor

    def __init__(self, weights: Sequence[float], weighting: Weighting) -> None:
        super().__init__()
        self.weighting = weighting
        self.register_buffer("task_weights", torch.tensor(weights, dtype=torch.float32), persistent=False)

    def backward(
        self,
        losses: Float[Tensor, "T"],
        present: Bool[Tensor, "T"],
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> Float[Tensor, "T"]:
        """Fill `.grad` of the shared tensors with the weighted gradients and of the own ones with theirs."""
        tasks = [task for task in present.nonzero().flatten().tolist() if losses.requires_grad]
        weights = torch.zeros_like(losses)
        if not tasks:
            return weights
        gradients: list[list[Tensor | None]] = []
        for task in tasks:
            found = torch.autograd.grad(
                losses[task] * self.task_weights[task],
                [*shared, *own[task]],
                retain_graph=task != tasks[-1],
                allow_unused=True,
            )
            gradients.append(list(found[: len(shared)]))
            for tensor, gradient in zip(own[task], found[len(shared) :], strict=True):
                _accumulate(tensor, None if gradient is None else gradient / len(tasks))
        rows = [_stack([each[place] for each in gradients]) for place in range(len(shared))]
        chosen = self._weigh(_gramian(rows, losses.new_zeros(len(tasks), len(tasks))))
        for tensor, row in zip(shared, rows, strict=True):
            if row is not None:
                _accumulate(tensor, torch.tensordot(chosen.to(row.dtype), row, dims=1))
        return weights.index_copy(0, torch.tensor(tasks, device=losses.device), chosen.to(weights.dtype)) * self.task_weights

    def _weigh(self, gramian: Float[Tensor, "t t"]) -> Float[Tensor, " t"]:
        """Weigh the tasks whose gradient is not zero."""
        lengths = gramian.diagonal()
        if not bool(gramian.isfinite().all()):
            return torch.full_like(lengths, float("nan"))
        moving = (lengths > 0).nonzero().flatten()
        weights = torch.zeros_like(lengths)
        if len(moving) == 0:
            return weights
        found = self.weighting(gramian[moving][:, moving])
        return weights.index_copy(0, moving, found.to(weights.dtype))


def _stack(gradients: Sequence[Tensor | None]) -> Tensor | None:
    """Stack one tensor's gradients of all tasks, zeros where a task does not read it; None where no task does."""
    some = next((gradient for gradient in gradients if gradient is not None), None)
    if some is None:
        return None
    return torch.stack([torch.zeros_like(some) if gradient is None else gradient for gradient in gradients])


def _gramian(rows: Sequence[Tensor | None], gramian: Float[Tensor, "t t"]) -> Float[Tensor, "t t"]:
    """Add up the inner products between the tasks' gradients over all tensors."""
    for row in rows:
        if row is not None:
            flat = row.flatten(1).float()
            gramian = gramian + flat @ flat.T
    return gramian


def _accumulate(tensor: Tensor, gradient: Tensor | None) -> None:
    """Add to `.grad`."""
    if gradient is not None:
        tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient
