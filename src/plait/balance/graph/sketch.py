"""Each task's gradient as one short vector of a fixed length, so that it can be compared between batches and remembered."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait.balance.graph.jacobian import At, Jacobian, Row
from plait.balance.graph.mixture import Mixture
from plait.balance.graph.places import Place
from plait.balance.graph.walk import nearest

__all__ = ["SLOTS", "place_for", "sketch"]

SLOTS = 4096
"""Length of the vectors."""


def place_for(at: At, edges: Sequence[GradientEdge]) -> At:
    """Return where gradients that are to be sketched are taken: for `auto`, where the tasks part if anything is marked.

    Tasks that go through the body apart from each other need no other place, since their marks take the same slots.
    """
    if at != "auto":
        return at
    return "representation" if any(nearest(edge).marks for edge in edges) else "parameters"


def sketch(jacobian: Jacobian, leaves: Sequence[Tensor]) -> Float[Tensor, "t n"]:
    r"""Return what the gradients of a step say that does not belong to its examples.

    At a marked output z with rows z_b it is the gradient of a bias added there, the sum over b of dL_t/dz_b: a parameter
    that all batches have in common, though the model has none. At a mixture it is that at each expert's output. At a leaf
    it is the gradient itself. The numbers are laid side by side and wrapped round `SLOTS` slots, each round with the other
    sign: inner products stay what they are where all fit in one round, and are right on average otherwise.

    The marks of another pass through the body (other tables, other inputs) take the same slots in their order, so that tasks
    that never meet in one pass are compared too.

    Args:
        jacobian: the gradients of a step.
        leaves: the parameters that are read; other leaves, such as looked-up rows, are others in every step and left out.
    """
    starts = _starts(leaves)
    marks = [(number, place) for number, place in enumerate(jacobian.places) if not isinstance(place, Tensor)]
    flats = []
    for rows in jacobian.rows:
        biases = {number: _bias(place, rows[number]) for number, place in marks}
        flats.append({number: flat for number, flat in biases.items() if flat is not None})
    sizes = {number: len(flat) for each in flats for number, flat in each.items()}
    device = next((flat.device for each in flats for flat in each.values()), leaves[0].device if leaves else None)
    found = torch.zeros(len(jacobian.rows), SLOTS, device=device)
    for line, own, together in zip(found, flats, _passes(flats), strict=True):
        start = 0
        for number in together:
            if number in own:
                _add(line, own[number], start)
            start += sizes[number]
    for line, rows in zip(found, jacobian.rows, strict=True):
        for place, row in zip(jacobian.places, rows, strict=True):
            if isinstance(place, Tensor) and isinstance(row, Tensor) and id(place) in starts:
                _add(line, row.flatten().float(), starts[id(place)])
    return found


def _starts(leaves: Sequence[Tensor]) -> dict[int, int]:
    """Return where each parameter's numbers begin, by its id: in the second half, away from the marks."""
    starts: dict[int, int] = {}
    end = SLOTS // 2
    for leaf in leaves:
        starts[id(leaf)] = end
        end += leaf.numel()
    return starts


def _bias(place: Place, row: Row | None) -> Tensor | None:
    """Return the gradient of a bias at a marked output, or at each of the experts that are mixed."""
    if isinstance(place, Mixture):
        return place.biases(row).flatten() if isinstance(row, list) and row else None
    return row.flatten(0, -2).sum(0, dtype=torch.float32) if isinstance(row, Tensor) else None


def _passes(flats: Sequence[dict[int, Tensor]]) -> list[list[int]]:
    """Return for each task the marks of its pass through the body, in order: its own, and those of tasks it meets there."""
    groups: list[set[int]] = []
    for each in flats:
        apart = [group for group in groups if group.isdisjoint(each)]
        groups = [*apart, set(each).union(*(group for group in groups if not group.isdisjoint(each)))]
    return [sorted(next((group for group in groups if not group.isdisjoint(each)), set())) for each in flats]


def _add(line: Float[Tensor, "n"], numbers: Float[Tensor, "m"], start: int) -> None:
    """Add numbers to a vector, from a place on and round and round with changing sign."""
    first, offset = divmod(start, SLOTS)
    rounds = -(-(offset + len(numbers)) // SLOTS)
    laid = torch.nn.functional.pad(numbers, (offset, rounds * SLOTS - offset - len(numbers))).view(rounds, SLOTS)
    signs = 1 - 2 * ((torch.arange(rounds, device=laid.device) + first) % 2).to(laid.dtype)
    line += signs @ laid
