"""Places in the autograd graph: where each task's loss begins, and where the tasks part."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

__all__ = ["PARTING", "loss_edges", "parting_edges"]

PARTING = "plait: tasks part here"
"""Key in a node's metadata, as `plait.share.parting` sets it; the value is the number of the node's output."""


def loss_edges(losses: Float[Tensor, "T"]) -> list[GradientEdge | None]:
    """Return where the graph of each loss begins; None for a loss without one.

    Starting behind the stack that joined the losses matters: from `losses[t]` autograd would send zeros through the
    graphs of all other tasks.
    """
    stack = losses.grad_fn
    if stack is None:
        return [None] * len(losses)
    if stack.name() == "StackBackward0":
        return [None if node is None else GradientEdge(node, number) for node, number in stack.next_functions]
    return [torch.autograd.graph.get_gradient_edge(loss) for loss in losses]


def parting_edges(roots: Sequence[GradientEdge]) -> list[GradientEdge]:
    """Walk from the losses towards the input and return the marked places, looking no further behind them."""
    found: list[GradientEdge] = []
    seen: set[Node] = set()
    waiting = [root.node for root in roots]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        metadata: dict[Any, Any] = node.metadata  # type: ignore[assignment]  # a property, which torch types as a method
        output = metadata.get(PARTING)
        if output is not None:
            found.append(GradientEdge(node, output))
            continue
        waiting += [next_node for next_node, _ in node.next_functions if next_node is not None]
    return found
