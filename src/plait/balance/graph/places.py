"""Where the gradients of tasks are taken and compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from plait.balance.graph.mixture import Mixture
from plait.balance.graph.walk import Near, behind, nearest
from plait.errors import RecipeError

__all__ = ["At", "Place", "Places", "find_places"]

At = Literal["auto", "representation", "parameters"]
"""Where gradients are taken.

`representation`: at the outputs that the body has marked as the last that several tasks read in common. `parameters`: at
the shared leaves, exactly. `auto`: at the representation, and at the parameters in a step in which tasks go through the
body apart from each other, or through a body that marks nothing.
"""

Place = Tensor | GradientEdge | Mixture
"""A shared leaf, a marked output, or the place where experts are mixed."""


@final
@dataclass(frozen=True)
class Places:
    """Where the gradients of a step are taken."""

    places: list[Place]
    """Everything that tasks share lies behind exactly one of them."""
    near: list[Tensor]
    """What is some task's own and lies between the losses and the places."""
    far: list[Tensor]
    """What is some task's own and lies behind a mixture."""
    disjoint: bool
    """Whether no leaf before the places is read by two tasks."""


def find_places(edges: Sequence[GradientEdge], at: At, shared: Sequence[Tensor], own: Sequence[Sequence[Tensor]]) -> Places:
    """Choose where gradients are taken.

    Args:
        edges: where the loss of each task begins.
        at: where the recipe wants them.
        shared: the leaves that more than one task reads.
        own: for every task of the recipe the leaves that only it reads.

    Raises:
        RecipeError: `at` is `representation` and the body marks no place where tasks part.
    """
    mine = [tensor for tensors in own for tensor in tensors]
    leaves = Places(list(shared), mine, [], disjoint=False)
    if at == "parameters":
        return leaves
    near = [nearest(edge, mixtures=True) for edge in edges]
    marks: dict[Node, GradientEdge | Mixture] = {}
    for each in near:
        marks |= {node: GradientEdge(node, output) for node, output in each.marks.items()}
        marks |= each.mixtures
    if at == "representation" and not marks:
        raise RecipeError(
            "`balance.at` should be `parameters` for this body, because it does not mark where the tasks part "
            "(`plait.share.parting.part`), so there is no representation to take gradients at. Found `representation`. "
            "Set `balance.at: parameters`, or leave it at `auto`."
        )
    if not marks or (at == "auto" and _apart(near)):
        return leaves
    known = {id(tensor) for tensor in mine}
    around = {id(leaf): leaf for each in near for leaf in each.leaves if id(leaf) not in known}
    if around and around.keys() & behind(list(marks)):
        # A gradient at such a leaf holds what comes through the marks too, and would be counted twice.
        return leaves
    before = [id(leaf) for each in near for leaf in each.leaves]
    mixed = any(each.mixtures for each in near)
    return Places(
        [*marks.values(), *around.values()],
        [tensor for tensor in mine if not mixed or id(tensor) in before],
        [tensor for tensor in mine if mixed and id(tensor) not in before],
        disjoint=len(before) == len(set(before)),
    )


def _apart(near: Sequence[Near]) -> bool:
    """Whether two of the tasks read no common place, so that what they have in common lies behind the marks."""
    read = [each.marks.keys() | each.mixtures.keys() for each in near]
    return any(one.isdisjoint(two) for number, one in enumerate(read) for two in read[:number])
