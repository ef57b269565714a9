"""Because they had that: which of somebody's earlier items move a score most, and which of them lie near the item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Reason", "reasons"]


@final
@dataclass(frozen=True, slots=True)
class Reason:
    """An earlier item and what it does.

    Attributes:
        item: its number.
        effects: score with the whole history, less the score without this item, for every task.
        likeness: cosine of its place to the item's; None where there are no places.
    """

    item: int
    effects: tuple[float, ...]
    likeness: float | None


def reasons(
    score: Callable[[Sequence[tuple[int, ...]]], Float[Tensor, "H T"]],
    history: Sequence[int],
    item: int,
    places: Float[Tensor, "N R"] | None = None,
    task: int = 0,
) -> list[Reason]:
    """Leave each item of a history out once, and put those that spoke most for a score first.

    An item that comes several times is left out as a whole. Equal effects are ordered by likeness, then newest first.

    Args:
        score: scores several histories, oldest item first, for every task; asked once.
        history: numbers of the items, oldest first.
        item: whom the score is of.
        places: where items lie, by number; those of another length or beyond it are without likeness.
        task: which task decides the order.
    """
    own = list(dict.fromkeys(reversed(list(history))))
    if not own:
        return []
    lists = [tuple(history), *(tuple(one for one in history if one != out) for out in own)]
    scores = score(lists)
    effects = scores[0] - scores[1:]
    near: list[float | None] = [None] * len(own)
    if places is not None and all(0 <= row < len(places) for row in (item, *own)):
        units = torch.nn.functional.normalize(places[torch.tensor([item, *own])].float(), dim=1)
        near = list((units[1:] @ units[0]).tolist())
    found = [Reason(out, tuple(effect.tolist()), like) for out, effect, like in zip(own, effects, near, strict=True)]
    return sorted(found, key=lambda reason: (-reason.effects[task], -(reason.likeness or 0.0)))
