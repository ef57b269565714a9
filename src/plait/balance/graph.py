"""Places in the autograd graph: where each task's loss begins, where the tasks part, which leaves lie around that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

__all__ = ["PARTING", "Near", "behind", "loss_edges", "nearest"]

PARTING: Final = "plait: tasks part here"
"""Key in a node's metadata, as `plait.share.parting` sets it; the value is the number of the node's output."""


@final
@dataclass(frozen=True)
class Near:
    """What a task's loss reads first, walking from the loss towards the input and no further than the marks."""

    marks: dict[Node, int]
    """Marked nodes and the number of their marked output."""
    leaves: list[Tensor]
    """Leaf tensors that are reached without passing a mark."""


def loss_edges(losses: Float[Tensor, "*draws T"]) -> list[list[GradientEdge | None]]:
    """Return for each draw where the graph of each loss begins; None for a loss without one.

    Starting behind the stack that joined the losses matters: from `losses[t]` autograd would send zeros through the
    graphs of all other tasks.
    """
    if losses.ndim == 1:
        return [_behind_stack(losses)]
    stack = losses.grad_fn
    if stack is not None and stack.name() == "StackBackward0":
        return [_of_stack(node, losses.shape[1]) for node, _ in stack.next_functions]
    return [_behind_stack(draw) for draw in losses]


def nearest(root: GradientEdge) -> Near:
    """Walk from one task's loss to the marks, and to the leaves that are not behind one."""
    marks: dict[Node, int] = {}
    found: list[Tensor] = []
    for node in _walk([root.node], marks):
        leaf = _leaf(node)
        if leaf is not None:
            found.append(leaf)
    return Near(marks, found)


def behind(marks: Sequence[Node]) -> set[int]:
    """Return the ids of the leaves that marked nodes lead to."""
    starts = [node for mark in marks for node, _ in mark.next_functions if node is not None]
    return {id(leaf) for node in _walk(starts, None) if (leaf := _leaf(node)) is not None}


def _walk(starts: Sequence[Node], marks: dict[Node, int] | None) -> list[Node]:
    """Return the nodes reached from `starts`, each once; with `marks`, marked ones are put there and end the way."""
    reached: list[Node] = []
    seen: set[Node] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if marks is not None:
            metadata: dict[Any, Any] = node.metadata  # type: ignore[assignment]  # a property, which torch types as a method
            output = metadata.get(PARTING)
            if output is not None:
                marks[node] = output
                continue
        reached.append(node)
        waiting += [next_node for next_node, _ in node.next_functions if next_node is not None]
    return reached


def _leaf(node: Node) -> Tensor | None:
    """Return the tensor whose gradient a node adds up, if it is such a node."""
    if node.name() != "torch::autograd::AccumulateGrad":
        return None
    leaf: Tensor = node.variable  # type: ignore[attr-defined]  # of this kind of node only
    return leaf


def _behind_stack(losses: Float[Tensor, "T"]) -> list[GradientEdge | None]:
    if losses.grad_fn is None:
        return [None] * len(losses)
    if losses.grad_fn.name() == "StackBackward0":
        return _of_stack(losses.grad_fn, len(losses))
    return [torch.autograd.graph.get_gradient_edge(loss) for loss in losses]


def _of_stack(stack: Node | None, count: int) -> list[GradientEdge | None]:
    """Return the edges behind a stack of `count` losses; a draw without any gradient has no stack."""
    if stack is None:
        return [None] * count
    if stack.name() != "StackBackward0":
        message = f"a draw's losses should be joined by torch.stack, found {stack.name()}"
        raise AssertionError(message)
    return [None if node is None else GradientEdge(node, number) for node, number in stack.next_functions]
