"""Mark where the tasks part, for balancing methods that take gradients there."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

__all__ = ["MIXTURE", "PARTING", "alias", "join", "part", "part_mixture"]

PARTING = "plait: tasks part here"
"""Key in the metadata of an autograd node; the value is the number of the node's output."""

MIXTURE = "plait: tasks mix what they share here"
"""Key in the metadata of an autograd node; the value is what `part_mixture` says of its output."""


def part(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Mark a tensor as the last that several tasks read in common.

    The gradients of two tasks at all marked tensors of a pass must hold all that the pass has in common: whatever leads from
    a task's vector to the input passes through exactly one of them, and a weight that several tasks read lies either behind
    marks alone or before them alone; those before them are found without a mark.
    """
    if tensor.grad_fn is not None:
        metadata: dict[Any, Any] = tensor.grad_fn.metadata  # type: ignore[assignment]  # a property, which torch types as a method
        metadata[PARTING] = tensor.output_nr
    return tensor


def alias(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the tensor under an autograd node of its own, so that one of its readers can be told from the others."""
    return tensor.view_as(tensor) if torch.is_grad_enabled() else tensor


def join(vectors: Sequence[Float[Tensor, "B H"]]) -> Float[Tensor, "t B H"]:
    """Stack the tasks' vectors so that the backward pass of one task's loss leaves the networks of the others alone."""
    return _Join.apply(*vectors) if torch.is_grad_enabled() else torch.stack(tuple(vectors))  # type: ignore[no-untyped-call]


class _Join(torch.autograd.Function):
    """A stack that sends no gradient, where `torch.stack` sends zeros, to tasks that got none."""

    @staticmethod
    def forward(ctx: Any, *vectors: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        return torch.stack(vectors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401, ARG004
        # Looking costs a fraction of one layer; on other devices it would make the host wait.
        return tuple(each if each.device.type != "cpu" or bool(each.any()) else None for each in grad)


def part_mixture(
    vectors: Float[Tensor, "t B H"], experts: Float[Tensor, "B E H"], weights: Float[Tensor, "B t E"], tasks: Sequence[int]
) -> Float[Tensor, "t B H"]:
    """Mark the vectors of tasks that mix the same experts: vectors[t] = sum_e weights[:, t, e] experts[:, e].

    There a task's gradient at all experts is d_t weights[:, t], with d_t its gradient at its own vector: [B, H] numbers say
    what at the experts themselves takes [B, E, H]. What a task reads through its weights may be its own. A method that looks
    no further does not see the marks behind this one.

    Args:
        vectors: what the tasks get.
        experts: what they mix.
        weights: how.
        tasks: whose vectors these are.
    """
    if vectors.grad_fn is not None:
        edges: list[GradientEdge | None] = [get_gradient_edge(t) if t.requires_grad else None for t in (experts, weights)]
        metadata: dict[Any, Any] = vectors.grad_fn.metadata  # type: ignore[assignment]  # as above
        metadata[MIXTURE] = (vectors.output_nr, edges, experts.detach(), weights.detach(), tuple(tasks))
    return vectors
