"""The gradients of all tasks side by side, where the tasks part or at the parameters, and the way back from there."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from plait.balance.graph import Near, behind, nearest
from plait.errors import RecipeError

__all__ = ["At", "Jacobian", "Place"]

At = Literal["auto", "representation", "parameters"]
"""Where gradients are taken.

`representation`: at the outputs that the body has marked as the last that several tasks read in common. `parameters`: at
the shared leaves, exactly. `auto`: at the representation, and at the parameters in a step in which tasks go through the
body apart from each other, or through a body that marks nothing.
"""

Place = Tensor | GradientEdge
"""A shared leaf, or a marked output."""

_PIECE: Final = 1 << 20
"""Numbers of one task that are turned to fp32 at once for their inner products."""


@final
class Jacobian:
    """The gradients of several tasks at the places of one step.

        J_t = (dL_t/dz_1, dL_t/dz_2, ...)

    with z the places: marked outputs `[B, ...]`, or leaves. A balancing method asks for inner products (`gramian`), or
    works on the rows place by place, and sends one vector back (`send`), which fills `.grad` of all shared leaves. It is
    used once: `combine`, `aggregate` and `send` let go of what they have read.

    The towers and whatever else only one task reads lie between a loss and the places. They get their own task's gradient,
    divided by the number of tasks present as in `Average` and whatever the method does with the shared part, since there
    they are in nobody's way. `take` sees to that.

    Attributes:
        tasks: their numbers.
        places: where the gradients were taken.
        rows: `[task][place]`, None where a task does not read the place.
    """

    def __init__(self, tasks: Sequence[int], places: Sequence[Place], rows: Sequence[Sequence[Tensor | None]]) -> None:
        self.tasks, self.places = list(tasks), list(places)
        self.rows = [list(row) for row in rows]

    @classmethod
    def take(
        cls,
        edges: Sequence[GradientEdge],
        scales: Sequence[Tensor],
        tasks: Sequence[int],
        at: At,
        shared: Sequence[Tensor],
        own: Sequence[Sequence[Tensor]],
    ) -> "Jacobian":
        """Run one backward pass per task, from its loss to the places, and fill `.grad` of what is the tasks' own.

        Args:
            edges: where the loss of each task begins.
            scales: what each loss is multiplied by.
            tasks: the numbers of these tasks.
            at: where.
            shared: the leaves that more than one task reads.
            own: for every task of the recipe the leaves that only it reads.

        Raises:
            RecipeError: `at` is `representation` and the body marks no place where tasks part.
        """
        places = _places(edges, at, shared, own)
        mine = [tensor for tensors in own for tensor in tensors]
        rows = []
        for edge, scale in zip(edges, scales, strict=True):
            found = torch.autograd.grad([edge], [*places, *mine], [scale], retain_graph=True, allow_unused=True)  # type: ignore[arg-type]  # torch types a mix of both kinds of place as neither
            rows.append(found[: len(places)])
            for tensor, gradient in zip(mine, found[len(places) :], strict=True):
                accumulate(tensor, None if gradient is None else gradient / len(tasks))
        return cls(tasks, places, rows)

    def gramian(self, other: "Jacobian | None" = None) -> Float[Tensor, "t t"]:
        """Return the inner products <J_s, J_t> in fp32.

        Args:
            other: the same tasks in another draw, at leaves; the products are then of its rows (columns) with these.
        """
        first = next(row for rows in self.rows for row in rows if row is not None)
        total = torch.zeros(len(self.rows), len(self.rows), dtype=torch.float32, device=first.device)
        for place in range(len(self.places)):
            left = [row[place] for row in self.rows]
            right = None if other is None else [row[place] for row in other.rows]
            total += _products(left, right, total)
        return total

    def combine(self, weights: Float[Tensor, "t"]) -> list[Tensor | None]:
        """Return sum_t w_t J_t per place."""
        factors = weights.tolist()
        return self._each(lambda rows: _weighted(rows, factors))

    def aggregate(self, rule: Callable[[Float[Tensor, "t n"]], Float[Tensor, "n"]]) -> list[Tensor | None]:
        """Apply a rule that works number by number to the rows of each place; a task that does not read it has zeros."""

        def apply(rows: list[Tensor | None]) -> Tensor:
            some = next(row for row in rows if row is not None)
            stacked = torch.stack([torch.zeros_like(some) if row is None else row for row in rows])
            return rule(stacked.flatten(1).float()).view_as(some).to(some.dtype)

        return self._each(apply)

    def send(self, vectors: Sequence[Tensor | None], shared: Sequence[Tensor]) -> None:
        """Send one vector per place back to the shared leaves and add what arrives to their `.grad`."""
        edges: list[GradientEdge] = []
        gradients: list[Tensor] = []
        for place, vector in zip(self.places, vectors, strict=True):
            if isinstance(place, Tensor):
                accumulate(place, vector)
            elif vector is not None:
                edges.append(place)
                gradients.append(vector)
        wanted = [tensor for tensor in shared if tensor.requires_grad]
        if edges and wanted:
            torch.autograd.backward(edges, gradients, inputs=wanted)

    def _each(self, rule: Callable[[list[Tensor | None]], Tensor]) -> list[Tensor | None]:
        """Apply a rule to the rows of each place in turn and let them go."""
        found: list[Tensor | None] = []
        for place in range(len(self.places)):
            rows = [row[place] for row in self.rows]
            for row in self.rows:
                row[place] = None
            found.append(None if all(row is None for row in rows) else rule(rows))
        return found


def accumulate(tensor: Tensor, gradient: Tensor | None) -> None:
    """Add to `.grad`."""
    if gradient is not None:
        tensor.grad = gradient.to(tensor.dtype) if tensor.grad is None else tensor.grad + gradient


def _places(edges: Sequence[GradientEdge], at: At, shared: Sequence[Tensor], own: Sequence[Sequence[Tensor]]) -> list[Place]:
    """Choose where gradients are taken."""
    if at == "parameters":
        return list(shared)
    near = [nearest(edge) for edge in edges]
    marks: dict[Node, int] = {}
    for each in near:
        marks |= each.marks
    if at == "representation" and not marks:
        raise RecipeError(
            "`balance.at` should be `parameters` for this body, because it does not mark where the tasks part "
            "(`plait.share.parting.part`), so there is no representation to take gradients at. Found `representation`. "
            "Set `balance.at: parameters`, or leave it at `auto`."
        )
    if not marks or (at == "auto" and _apart(near)):
        return list(shared)
    mine = {id(tensor) for tensors in own for tensor in tensors}
    around = {id(leaf): leaf for each in near for leaf in each.leaves if id(leaf) not in mine}
    if around and around.keys() & behind(list(marks)):
        # A gradient at such a leaf holds what comes through the marks too, and would be counted twice.
        return list(shared)
    return [*(GradientEdge(node, output) for node, output in marks.items()), *around.values()]


def _apart(near: Sequence[Near]) -> bool:
    """Whether two of the tasks read no common place, so that what they have in common lies behind the marks."""
    return any(one.marks.keys().isdisjoint(two.marks) for number, one in enumerate(near) for two in near[:number])


def _products(
    left: Sequence[Tensor | None], right: Sequence[Tensor | None] | None, like: Float[Tensor, "t t"]
) -> Float[Tensor, "t t"]:
    """Return the inner products of the tasks' gradients at one place."""
    found = torch.zeros_like(like)
    size = max((row.numel() for row in left if row is not None), default=0)
    for start in range(0, size, _PIECE):
        one = _piece(left, start, like)
        two = one if right is None else _piece(right, start, like)
        if one is not None and two is not None:
            found += one @ two.T
    return found


def _piece(rows: Sequence[Tensor | None], start: int, like: Tensor) -> Float[Tensor, "t n"] | None:
    """Lay a piece of one place's gradients side by side in fp32; in bf16 the products would lose what tells tasks apart."""
    pieces = [None if row is None else row.reshape(-1)[start : start + _PIECE] for row in rows]
    some = next((piece for piece in pieces if piece is not None), None)
    if some is None:
        return None
    flat = like.new_empty(len(rows), some.shape[0])
    for line, piece in zip(flat, pieces, strict=True):
        line.zero_() if piece is None else line.copy_(piece)
    return flat


def _weighted(rows: Sequence[Tensor | None], factors: Sequence[float]) -> Tensor:
    """Add up the gradients at one place, in fp32."""
    there = [(row, factor) for row, factor in zip(rows, factors, strict=True) if row is not None]
    total = there[0][0].float() * there[0][1]
    for row, factor in there[1:]:
        total.add_(row, alpha=factor)
    return total.to(there[0][0].dtype)
