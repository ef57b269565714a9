"""All ids and categories of a table in one fused embedding, with the looked-up rows as the autograd leaf."""

from typing import Any, final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["FusedEmbedding"]


@final
class FusedEmbedding(nn.Module):
    """Look up the vectors of codes in one table that all features of a prepared table share.

    In training the *looked-up* rows, each distinct code once, are the leaf tensors of autograd, and the table itself
    never gets a gradient: a step costs what the batch reads, not what the vocabulary holds, every gradient is dense
    (multi-gradient methods refuse sparse ones), and inner products between the gradients of tasks are those of the true
    parameter gradients. `take` hands the leaves to the optimiser, which writes the updated rows back into `weight`. In
    evaluation, or where autograd is off, the lookup is a plain gather without a trace.

    Code 0 means "nothing here", unless it is said that it does not: its vector is zero and its gradient is always zero.

    Args:
        rows: codes, code 0 included.
        width: W, the length of a vector.
        views: how many vectors each code has.
        nothing: whether code 0 means "nothing here".

    Attributes:
        weight: the table, `[rows, views * W]`; frozen by `weight.requires_grad_(False)`.

    Shape:
        codes `[B, C]`, B may be 0 -> `[views, B, C, W]`.
    """

    def __init__(self, rows: int, width: int, views: int = 1, nothing: bool = True) -> None:
        super().__init__()
        self.rows, self.width, self.views, self.nothing = rows, width, views, nothing
        self.weight = nn.Parameter(torch.empty(rows, views * width))
        self._looked_up: list[tuple[Tensor, Tensor]] = []
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the vectors from N(0, 1/W), so that a vector has length one, and set code 0 to zero."""
        with torch.no_grad():
            nn.init.normal_(self.weight, std=self.width**-0.5)
            if self.nothing:
                self.weight[:1] = 0

    def forward(self, codes: Int[Tensor, "B C"]) -> Float[Tensor, "views B C W"]:
        """Look up every code of a batch."""
        vectors = self.look_up(codes.flatten())
        return vectors.view(*codes.shape, self.views, self.width).permute(2, 0, 1, 3)

    def look_up(self, codes: Int[Tensor, " n"]) -> Float[Tensor, "n V"]:
        """Look up a flat list of codes; V = views * W."""
        if not (self.training and torch.is_grad_enabled() and self.weight.requires_grad) or codes.shape[0] == 0:
            return self.weight.detach().index_select(0, codes)
        distinct, inverse, order, starts = _group(codes)
        rows = self.weight.detach().index_select(0, distinct).requires_grad_()
        self._looked_up.append((distinct, rows))
        spread: Tensor = _Spread.apply(rows, distinct if self.nothing else None, inverse, order, starts)  # type: ignore[no-untyped-call]
        return spread

    def take(self) -> list[tuple[Tensor, Tensor]]:
        """Hand out and forget the (distinct codes, looked-up rows) of every lookup since the last call.

        Returns:
            Per lookup the codes `[u]`, ascending and distinct, and their rows `[u, V]` with `.grad` after backward.
            Codes may repeat between two lookups.
        """
        taken, self._looked_up = self._looked_up, []
        return taken

    def __call__(self, codes: Int[Tensor, "B C"]) -> Float[Tensor, "views B C W"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(codes)  # type: ignore[no-any-return]


def _group(codes: Int[Tensor, " n"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find the distinct codes, each code's place among them, the order that sorts, and where each distinct one starts."""
    ascending, order = codes.sort(stable=True)
    new = torch.ones_like(ascending, dtype=torch.bool)
    torch.ne(ascending[1:], ascending[:-1], out=new[1:])
    starts = new.nonzero().flatten()
    inverse = torch.empty_like(order).index_copy_(0, order, new.cumsum(0) - 1)
    return ascending.index_select(0, starts), inverse, order, starts


class _Spread(torch.autograd.Function):
    """Copy distinct rows to where they are used; backward sums runs of the sorted order, far faster than scatter."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        rows: Tensor,
        distinct: Tensor | None,
        inverse: Tensor,
        order: Tensor,
        starts: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(distinct, order, starts)
        return rows.index_select(0, inverse)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:  # noqa: ANN401
        distinct, order, starts = ctx.saved_tensors
        summed = nn.functional.embedding_bag(order, grad.contiguous(), starts, mode="sum")
        if distinct is not None:
            summed[:1] *= distinct[:1, None] != 0
        return summed, None, None, None, None
