"""The place where tasks mix what they share: their gradients at all experts, kept as one vector per task and example."""

from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

__all__ = ["Marked", "Mixture", "Vectors"]

Marked = tuple[int, list[GradientEdge | None], Tensor, Tensor, tuple[int, ...]]
"""What `plait.share.parting.part_mixture` leaves at a node: output number, where experts and weights begin, both, tasks."""

Vectors = list[tuple[int, Tensor]]
"""A task's gradient at a mixture: at which of the mixed vectors, and what, `[B, H]`; nearly always at its own alone."""

_EXAMPLES = 1024
"""How many are turned to fp32 at once."""


@final
class Mixture:
    """The outputs of experts e, mixed to one vector per task: h_t = sum_e w_te f_e.

    The gradient of a loss at f_e is sum_t w_te d_t with d_t its gradient at h_t, so that

        <g_i, g_j> = sum over examples and t, s of <w_t, w_s> <d_it, d_js>

    and what is kept is [B, H] per task where the gradients themselves are [B, E, H]. What a task reads through its weights w
    (a gate, and the gate's input) is left out of these products, and gets its part when the vectors are sent back.

    Args:
        node: the node of the mixed vectors.
        marked: what the body says of it.
    """

    def __init__(self, node: Node, marked: Marked) -> None:
        output, (self.from_experts, self.from_weights), self.experts, self.weights, self.tasks = marked
        self.edge = GradientEdge(node, output)

    def vectors(self, gradient: Float[Tensor, "t B H"], task: int | None) -> Vectors:
        """Pick from the gradients at all vectors those that are not zero; only its own where the task is said."""
        if task is not None:
            return [(place, gradient[place]) for place, number in enumerate(self.tasks) if number == task]
        some = gradient.flatten(1).any(1).tolist()
        return [(place, gradient[place]) for place, moved in enumerate(some) if moved]

    def products(self, rows: Sequence[Vectors | None], like: Float[Tensor, "t t"]) -> Float[Tensor, "t t"]:
        """Return the inner products of the tasks' gradients at the experts."""
        owners = [task for task, row in enumerate(rows) for _ in row or []]
        places = [place for row in rows for place, _ in row or []]
        vectors = [vector for row in rows for _, vector in row or []]
        found = like.new_zeros(len(vectors), len(vectors))
        for start in range(0, self.weights.shape[0] if vectors else 0, _EXAMPLES):
            weights = self.weights[start : start + _EXAMPLES, places].float()
            piece = torch.stack([vector[start : start + _EXAMPLES] for vector in vectors], dim=1).float()
            found += (torch.bmm(weights, weights.transpose(1, 2)) * torch.bmm(piece, piece.transpose(1, 2))).sum(0)
        index = torch.tensor(owners, dtype=torch.long, device=like.device)
        return torch.zeros_like(like).index_put((index[:, None], index[None, :]), found, accumulate=True)

    def pooled(self, rows: Sequence[Vectors | None]) -> Float[Tensor, "t n"]:
        """Return the gradients at the experts, summed over the examples."""
        found = self.weights.new_zeros(len(rows), self.experts.shape[1], self.experts.shape[2], dtype=torch.float32)
        for line, row in zip(found, rows, strict=True):
            for place, vector in row or []:
                line += self.weights[:, place].float().T @ vector.float()
        return found.flatten(1)

    def combine(self, rows: Sequence[Vectors | None], factors: Sequence[float]) -> Float[Tensor, "t B H"] | None:
        """Return what is sent back from the mixed vectors for sum_i factor_i g_i."""
        first = next((vector for row in rows for _, vector in row or []), None)
        if first is None:
            return None
        total = first.new_zeros(len(self.tasks), *first.shape)
        for row, factor in zip(rows, factors, strict=True):
            for place, vector in row or []:
                total[place].add_(vector, alpha=factor)
        return total

    def biases(self, row: Vectors) -> Float[Tensor, "E H"]:
        """Return the gradients of one task at a bias that is added to each expert's output."""
        return torch.stack([self.weights[:, place].float().T @ vector.float() for place, vector in row]).sum(0)

    def aggregate(
        self, rows: Sequence[Vectors | None], rule: Callable[[Float[Tensor, "t n"]], Float[Tensor, "n"]]
    ) -> Float[Tensor, "B E H"]:
        """Apply a rule that works number by number to the gradients at the experts, laid out one expert at a time."""
        found = torch.empty_like(self.experts)
        for expert in range(self.experts.shape[1]):
            shape = self.experts[:, expert].shape
            laid = self.weights.new_zeros(len(rows), *shape, dtype=torch.float32)
            for line, row in zip(laid, rows, strict=True):
                for place, vector in row or []:
                    line.addcmul_(self.weights[:, place, expert, None].float(), vector.float())
            found[:, expert] = rule(laid.flatten(1)).view(shape)
        return found

    def towards_weights(self, total: Float[Tensor, "t B H"]) -> Float[Tensor, "B t E"]:
        """Return what gradients at the mixed vectors are at the weights."""
        return torch.bmm(total.transpose(0, 1), self.experts.transpose(1, 2)).to(self.weights.dtype)
