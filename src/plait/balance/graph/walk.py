"""Places in the autograd graph: where each task's loss begins, where the tasks part, which leaves lie around that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from plait.balance.graph.mixture import Mixture

__all__ = ["MIXTURE", "PARTING", "Near", "behind", "loss_edges", "nearest"]

PARTING: Final = "plait: tasks part here"
"""Key in a node's metadata, as `plait.share.parting` sets it; the value is the number of the node's output."""

MIXTURE: Final = "plait: tasks mix what they share here"
"""The same for what `plait.share.parting.part_mixture` says."""


@final
@dataclass(frozen=True)
class Near:
    """What a task's loss reads first, walking from the loss towards the input and no further than the marks."""

    marks: dict[Node, int]
    """Marked nodes and the number of their marked output; a marked leaf is among `leaves`."""
    mixtures: dict[Node, Mixture]
    """Nodes at which the task mixes what it shares; where these were asked for."""
    leaves: list[Tensor]
    """Leaf tensors that are reached without passing one of these."""


def loss_edges(losses: Float[Tensor, "*draws T"]) -> list[list[GradientEdge | None]]:
    """Return for each draw where the graph of each loss begins; None for a loss without one.

    Starting behind the stack that joined the losses matters: from `losses[t]` autograd would send zeros through the
    graphs of all other tasks.
    """
    if losses.ndim == 1:
        return [_behind_stack(losses)]
    stack = losses.grad_fn
    if stack is None:
        return [[None] * losses.shape[1] for _ in losses]
    draws = [node for node, _ in stack.next_functions]
    if stack.name() == "StackBackward0" and all(node is None or node.name() == "StackBackward0" for node in draws):
        return [[None] * losses.shape[1] if node is None else _of_stack(node) for node in draws]
    return [_behind_stack(draw) for draw in losses]


def nearest(root: GradientEdge, mixtures: bool = False) -> Near:
    """Walk from one task's loss to the marks, and to the leaves that are not behind one.

    Args:
        root: where the loss begins.
        mixtures: whether to stop where experts are mixed, before the marks of the experts.
    """
    near = Near({}, {}, [])
    for node in _walk([root.node], near, mixtures):
        leaf = _leaf(node)
        if leaf is not None:
            near.leaves.append(leaf)
    return near


def behind(marks: Sequence[Node]) -> set[int]:
    """Return the ids of the leaves that marked nodes lead to."""
    starts = [node for mark in marks for node, _ in mark.next_functions if node is not None]
    return {id(leaf) for node in _walk(starts, None) if (leaf := _leaf(node)) is not None}


def _walk(starts: Sequence[Node], stops: Near | None, mixtures: bool = False) -> list[Node]:
    """Return the nodes reached from `starts`, each once; with `stops`, marked ones are put there and end the way."""
    reached: list[Node] = []
    seen: set[Node] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if stops is not None and _stops(node, stops, mixtures):
            continue
        reached.append(node)
        waiting += [next_node for next_node, _ in node.next_functions if next_node is not None]
    return reached


def _stops(node: Node, stops: Near, mixtures: bool) -> bool:
    """Whether a way ends at a node, which is then remembered."""
    if _leaf(node) is not None:
        return False
    metadata: dict[Any, Any] = node.metadata  # type: ignore[assignment]  # a property, which torch types as a method
    if mixtures and MIXTURE in metadata:
        stops.mixtures[node] = Mixture(node, metadata[MIXTURE])
        return True
    if PARTING in metadata:
        stops.marks[node] = metadata[PARTING]
        return True
    return False


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
        return _of_stack(losses.grad_fn)
    return [torch.autograd.graph.get_gradient_edge(loss) for loss in losses]


def _of_stack(stack: Node) -> list[GradientEdge | None]:
    """Return what was stacked; nothing for a number without gradient."""
    return [None if node is None else GradientEdge(node, number) for node, number in stack.next_functions]
