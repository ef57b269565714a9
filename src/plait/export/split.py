"""Products that read what is the same for all candidates beside what is not: the same part is computed once.

    W [a; b_c] + b = (W_a a + b) + W_b b_c

with a what is known of the user and b_c what is known of candidate c. It holds for any body without a word from it: while
one runs, linear layers that read the joint input, or a view of it, are computed in these two parts.
"""

from collections.abc import Callable, Mapping, Sequence
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
    """

    def __init__(self, x: Float[Tensor, "views B D"], pieces: Sequence[Float[Tensor, "views _ _"]]) -> None:
        super().__init__()
        # The tensors are kept, so that no other takes one's identity.
        self._known: dict[int, tuple[Tensor, list[Tensor]]] = {id(x): (x, list(pieces))}

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
        """Sum the products of what is fixed, once, and of what is not."""
        ends = [*accumulate((piece.shape[-1] for piece in pieces), initial=0)]
        total: Tensor | None = None
        for fixed in (True, False):
            chosen = [n for n, piece in enumerate(pieces) if one_row(piece) == fixed and piece.shape[-1]]
            if not chosen:
                continue
            part = torch.cat([pieces[n] for n in chosen], dim=-1)
            columns = torch.cat([weight[:, ends[n] : ends[n + 1]] for n in chosen], dim=1)
            if total is None:
                total = torch.nn.functional.linear(part, columns, bias)
            elif part.ndim == 2:
                # One node of a graph, which a ReLU behind it joins; a sum of its own would pass over all of it once more.
                total = torch.addmm(total, part, columns.T)
            else:
                total = total + torch.nn.functional.linear(part, columns)
        assert total is not None
        return total
