"""The gradients of all tasks side by side, where the tasks part or at the parameters, and the way back from there."""

from collections.abc import Callable, Iterator, Sequence, Set
from typing import Final, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge

from plait.balance.graph.mixture import Mixture, Vectors
from plait.balance.graph.places import At, Place, Places, find_places

__all__ = ["At", "Jacobian", "Row", "accumulate"]

Row = Tensor | Vectors
"""A task's gradient at a place: of the shape of the leaf or output; at a mixture, vectors."""

Rule = Callable[[Float[Tensor, "t n"]], Float[Tensor, "n"]]
"""From the numbers of all tasks to one each."""

_PIECE: Final = 1 << 18
"""Numbers of one task that are turned to fp32 at once for their inner products."""


@final
class Jacobian:
    """The gradients of several tasks at the places of one step.

        J_t = (dL_t/dz_1, dL_t/dz_2, ...)

    with z the places: leaves, marked outputs `[B, ...]`, or the experts before a mixture. A balancing method asks for inner
    products (`gramian`), makes one vector of them (`combine`, `aggregate`), and sends it back (`send`), which fills `.grad`
    of all shared leaves. It is used once: what was combined or aggregated is let go.

    The towers and whatever else only one task reads lie between a loss and the places. They get their own task's gradient,
    divided by the number of tasks present as in `Average` and whatever the method does with the shared part, since there
    they are in nobody's way. `take` sees to that.

    Attributes:
        tasks: their numbers.
        places: where the gradients were taken.
        rows: `[task][place]`, None where a task does not read the place.
    """

    def __init__(self, tasks: Sequence[int], places: Sequence[Place], rows: Sequence[Sequence[Row | None]]) -> None:
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
        """Run backward from each task's loss to the places, and fill `.grad` of what is the tasks' own.

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
        found = find_places(edges, at, shared, own)
        mixed = [place for place in found.places if isinstance(place, Mixture)]
        if found.disjoint and len(mixed) == len(found.places):
            # No two tasks read a tower of each other's: one pass serves all, since each moves other vectors.
            together = _backward(edges, scales, found, len(tasks))
            rows: list[list[Row | None]] = [
                [None if moved is None else place.vectors(moved, task) for place, moved in zip(mixed, together, strict=True)]
                for task in tasks
            ]
        else:
            rows = []
            for edge, scale in zip(edges, scales, strict=True):
                at_places = _backward([edge], [scale], found, len(tasks))
                rows.append([_row(place, gradient) for place, gradient in zip(found.places, at_places, strict=True)])
        jacobian = cls(tasks, found.places, rows)
        if found.far and mixed:
            jacobian._reach(mixed, found.far)
        return jacobian

    def gramian(self) -> Float[Tensor, "t t"]:
        """Return the inner products <J_s, J_t> in fp32."""
        device = next((t.device for t in [p for p in self.places if isinstance(p, Tensor)] + self._some()), None)
        total = torch.zeros(len(self.rows), len(self.rows), device=device)
        for number, place in enumerate(self.places):
            rows = [row[number] for row in self.rows]
            if isinstance(place, Mixture):
                total += place.products([row if isinstance(row, list) else None for row in rows], total)
            else:
                total += _products(_tensors(rows), total)
        return total

    def pooled(self, leaves: Set[int]) -> Float[Tensor, "t n"]:
        """Return the gradients summed over the examples, in fp32: those of constants added at the places.

        They may be compared between two draws, whose examples have nothing in common by themselves.

        Args:
            leaves: ids of the leaves that count, as they are.
        """
        parts = []
        for number, place in enumerate(self.places):
            rows = [row[number] for row in self.rows]
            if isinstance(place, Mixture):
                parts.append(place.pooled([row if isinstance(row, list) else None for row in rows]))
                continue
            some = next((row for row in rows if isinstance(row, Tensor)), None)
            if some is not None and (not isinstance(place, Tensor) or id(place) in leaves):
                flat = [_pool(row, isinstance(place, Tensor)) if isinstance(row, Tensor) else None for row in rows]
                width = next(line for line in flat if line is not None)
                parts.append(torch.stack([torch.zeros_like(width) if line is None else line for line in flat]))
        return torch.cat(parts, dim=1) if parts else torch.zeros(len(self.rows), 0)

    def combine(self, weights: Float[Tensor, "t"]) -> list[Tensor | None]:
        """Return sum_t w_t J_t per place; at a mixture as gradient of its vectors."""
        factors = weights.tolist()
        return [
            place.combine([row if isinstance(row, list) else None for row in rows], factors)
            if isinstance(place, Mixture)
            else _weighted(_tensors(rows), factors)
            for place, rows in self._each()
        ]

    def aggregate(self, rule: Rule, share: float) -> list[Tensor | None]:
        """Apply a rule that works number by number to the rows of each place; a task that does not read it has zeros.

        Args:
            rule: the rule.
            share: what each task's gradient counts where the rule cannot be applied: at the weights of a mixture.

        Returns:
            The same as `combine`, but of a mixture first what goes to its experts, then what goes to its weights.
        """
        found: list[Tensor | None] = []
        for place, rows in self._each():
            if isinstance(place, Mixture):
                mixed = [row if isinstance(row, list) else None for row in rows]
                total = place.combine(mixed, [share] * len(rows))
                found += [place.aggregate(mixed, rule), None if total is None else place.towards_weights(total)]
            else:
                found.append(_ruled(_tensors(rows), rule))
        return found

    def send(self, vectors: Sequence[Tensor | None], shared: Sequence[Tensor]) -> None:
        """Send what `combine` or `aggregate` returned back to the shared leaves and add what arrives to their `.grad`."""
        targets: list[Tensor | GradientEdge | None] = []
        split = len(vectors) != len(self.places)
        for place in self.places:
            if not isinstance(place, Mixture):
                targets.append(place)
            elif split:
                targets += [place.from_experts, place.from_weights]
            else:
                targets.append(place.edge)
        pairs = [(t, v) for t, v in zip(targets, vectors, strict=True) if t is not None and v is not None]
        for target, vector in pairs:
            if isinstance(target, Tensor):
                accumulate(target, vector)
        edges = [(target, vector) for target, vector in pairs if not isinstance(target, Tensor)]
        wanted = [tensor for tensor in shared if tensor.requires_grad]
        if edges and wanted:
            torch.autograd.backward([edge for edge, _ in edges], [vector for _, vector in edges], inputs=wanted)

    def _some(self) -> list[Tensor]:
        """Return some gradients, to know where they lie."""
        every = [row for rows in self.rows for row in rows]
        vectors = [row[0][1] for row in every if isinstance(row, list) and row]
        return [row for row in every if isinstance(row, Tensor)] + vectors

    def _reach(self, mixed: Sequence[Mixture], far: Sequence[Tensor]) -> None:
        """Fill `.grad` of what is a task's own but lies behind a mixture: its gate."""
        sums = [
            place.combine([row if isinstance(row, list) else None for row in rows], [1 / len(self.tasks)] * len(self.tasks))
            for place, rows in zip(self.places, zip(*self.rows, strict=True), strict=True)
            if isinstance(place, Mixture)
        ]
        there = [(place.edge, total) for place, total in zip(mixed, sums, strict=True) if total is not None]
        if not there:
            return
        found = torch.autograd.grad(
            [edge for edge, _ in there], list(far), [total for _, total in there], retain_graph=True, allow_unused=True
        )
        for tensor, gradient in zip(far, found, strict=True):
            accumulate(tensor, gradient)

    def _each(self) -> Iterator[tuple[Place, list[Row | None]]]:
        """Hand out the rows of each place in turn and let them go."""
        for number, place in enumerate(self.places):
            rows = [row[number] for row in self.rows]
            for row in self.rows:
                row[number] = None
            yield place, rows


def accumulate(tensor: Tensor, gradient: Tensor | None) -> None:
    """Add to `.grad`."""
    if gradient is not None:
        tensor.grad = gradient.to(tensor.dtype) if tensor.grad is None else tensor.grad + gradient


def _backward(edges: Sequence[GradientEdge], scales: Sequence[Tensor], found: Places, count: int) -> list[Tensor | None]:
    """Run backward to the places, whose gradients are returned, and to what is the tasks' own, whose `.grad` is filled."""
    inputs = [place.edge if isinstance(place, Mixture) else place for place in found.places]
    gradients = torch.autograd.grad(edges, [*inputs, *found.near], scales, retain_graph=True, allow_unused=True)  # type: ignore[arg-type]  # torch types a mix of leaves and edges as neither
    for tensor, gradient in zip(found.near, gradients[len(inputs) :], strict=True):
        accumulate(tensor, None if gradient is None else gradient / count)
    return list(gradients[: len(inputs)])


def _row(place: Place, gradient: Tensor | None) -> Row | None:
    return place.vectors(gradient, None) if isinstance(place, Mixture) and gradient is not None else gradient


def _tensors(rows: Sequence[Row | None]) -> list[Tensor | None]:
    return [row if isinstance(row, Tensor) else None for row in rows]


def _pool(row: Tensor, leaf: bool) -> Tensor:
    """Sum a gradient over its examples; that of a leaf has none."""
    return row.float().flatten() if leaf else row.sum(0, dtype=torch.float32).flatten()


def _products(rows: Sequence[Tensor | None], like: Float[Tensor, "t t"]) -> Float[Tensor, "t t"]:
    """Return the inner products of the tasks' gradients at one place."""
    found = torch.zeros_like(like)
    size = max((row.numel() for row in rows if row is not None), default=0)
    for start in range(0, size, _PIECE):
        piece = _piece(rows, start, like)
        if piece is not None:
            found += piece @ piece.T
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


def _ruled(rows: Sequence[Tensor | None], rule: Rule) -> Tensor | None:
    """Apply a rule to the gradients at one place."""
    some = next((row for row in rows if row is not None), None)
    if some is None:
        return None
    laid = torch.stack([torch.zeros_like(some) if row is None else row for row in rows])
    return rule(laid.flatten(1).float()).view_as(some).to(some.dtype)


def _weighted(rows: Sequence[Tensor | None], factors: Sequence[float]) -> Tensor | None:
    """Add up the gradients at one place, in fp32."""
    there = [(row, factor) for row, factor in zip(rows, factors, strict=True) if row is not None]
    if not there:
        return None
    total = there[0][0].float() * there[0][1]
    for row, factor in there[1:]:
        total.add_(row, alpha=factor)
    return total.to(there[0][0].dtype)
