"""Products that read what is the same for all candidates beside what is not: the same part is computed once.

    W [a; b_c] + b = (W_a a + b) + W_b b_c

with a what is known of the user and b_c what is known of candidate c. It holds for any body without a word from it: while
one runs, linear layers that read the joint input, or a view of it, are computed in these two parts. What does not depend on
the user at all, such as the candidate's own row, can be multiplied long before anybody asks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Splitting", "joined", "one_row"]

_VIEWS: Final = (Tensor.squeeze, Tensor.__getitem__, Tensor.to, Tensor.detach, Tensor.float, Tensor.unbind, torch.unbind)


def one_row(piece: Float[Tensor, "*views _ _"]) -> bool:
    """Say whether a piece is the same for all candidates; how many there are is no number while a graph is traced."""
    size: int | torch.SymInt = piece.shape[-2]
    return isinstance(size, int) and size == 1


def joined(pieces: Sequence[Float[Tensor, "views _ _"]], size: int | torch.SymInt) -> Float[Tensor, "views B D"]:
    """Lay pieces side by side, those of one row repeated for each of `size` rows."""
    wide = [piece.expand(-1, size, -1) for piece in pieces]
    return torch.cat(wide, dim=-1) if len(wide) > 1 else wide[0]


@final
class Splitting(TorchFunctionMode):
    """Compute linear layers that read a joint input in parts, inside a `with`.

    Args:
        x: the joint input, as `joined` lays it.
        pieces: what it is made of.
        alone: for each piece whether it is the candidate's alone, so that its products are told apart; none where not said.
        known: gives these products, made before, in the order in which the layers come; made here where not said.

    Attributes:
        apart: these products.
    """

    def __init__(
        self,
        x: Float[Tensor, "views B D"],
        pieces: Sequence[Float[Tensor, "views _ _"]],
        alone: Sequence[bool] = (),
        known: Iterator[Float[Tensor, "B _"]] | None = None,
    ) -> None:
        super().__init__()
        # The tensors are kept, so that no other takes one's identity.
        self._known: dict[int, tuple[Tensor, list[Tensor]]] = {id(x): (x, list(pieces))}
        self._alone = list(alone) or [False] * len(pieces)
        self._made = known
        self.apart: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Answer for linear layers, follow views, leave the rest."""
        named = dict(kwargs or {})
        known = self._known.get(id(args[0])) if args and isinstance(args[0], Tensor) else None
        if known is None:
            return func(*args, **named)
        if func is torch.nn.functional.linear:
            return self._linear(known[1], *args[1:], **named)
        found = func(*args, **named)
        if func in _VIEWS and self._of_views(func, args[1:]):
            self._follow(found, [func(piece, *args[1:], **named) for piece in known[1]])
        return found

    def _of_views(self, func: Callable[..., Any], rest: Sequence[Any]) -> bool:
        """Say whether a call looks at whole views only, so that it means the same for each piece."""
        return func is not Tensor.__getitem__ or (len(rest) == 1 and isinstance(rest[0], int))

    def _follow(self, found: Any, pieces: Sequence[Any]) -> None:  # noqa: ANN401
        if isinstance(found, Tensor):
            if found.shape[-1] == sum(piece.shape[-1] for piece in pieces):
                self._known[id(found)] = (found, list(pieces))
            return
        for number, view in enumerate(found):
            self._follow(view, [piece[number] for piece in pieces])

    def _linear(self, pieces: Sequence[Tensor], weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Sum the products of what is fixed, once, of what was multiplied before, and of what is left."""
        ends = [*accumulate((piece.shape[-1] for piece in pieces), initial=0)]

        def sides(chosen: Sequence[int]) -> tuple[Tensor, Tensor]:
            part = torch.cat([pieces[n] for n in chosen], dim=-1)
            return part, torch.cat([weight[:, ends[n] : ends[n + 1]] for n in chosen], dim=1)

        wide = [n for n, piece in enumerate(pieces) if piece.shape[-1]]
        fixed = [n for n in wide if one_row(pieces[n])]
        alone = [n for n in wide if n not in fixed and self._alone[n] and pieces[n].ndim == 2]
        left = [n for n in wide if n not in fixed and n not in alone]
        total = torch.nn.functional.linear(*sides(fixed), bias) if fixed else bias
        part, columns = sides(left) if left else (None, None)
        if alone:
            own = torch.nn.functional.linear(*sides(alone)) if self._made is None else next(self._made)
            self.apart.append(own)
            if total is not None and part is not None and columns is not None and total.ndim == 2:
                # Behind a column of ones the fixed part is one more row of weights: one product instead of two sums.
                part = torch.cat([part, torch.ones_like(part[:, :1])], dim=1)
                columns = torch.cat([columns, total.T], dim=1)
                total = own
            else:
                total = own if total is None else total + own
        if part is not None and columns is not None:
            if total is None:
                total = torch.nn.functional.linear(part, columns)
            elif part.ndim == 2:
                # One node of a graph, which a ReLU behind it joins; a sum of its own would pass over all of it once more.
                total = torch.addmm(total, part, columns.T)
            else:
                total = total + torch.nn.functional.linear(part, columns)
        assert total is not None
        return total
