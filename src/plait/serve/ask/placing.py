"""Items as they stand in an answer, laid out from whole columns."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import torch
from torch import Tensor

from plait.serve.ask.answers import Placed
from plait.serve.ask.shop import Offer, Shop

__all__ = ["placed"]


def placed(
    shop: Shop,
    offer: Offer,
    rows: Tensor,
    scores: Tensor | None,
    outputs: Mapping[str, Tensor],
    order: Tensor | None = None,
    *,
    plain: bool = False,
) -> list[Placed]:
    """Write items for an answer.

    Args:
        shop: says which numbers tasks give.
        offer: the items.
        rows: which.
        scores: what they are in order by.
        outputs: what the tasks predict for them; nothing where not known.
        order: places in `rows` of those that are shown, in order; all as they come where not said.
        plain: ids and scores alone.
    """
    numbers: list[int] = _chosen(rows, order).tolist()
    ids = map(offer.items.ids.__getitem__, numbers)
    values = [None] * len(numbers) if scores is None else _finite(_chosen(scores, order).tolist())
    if plain:
        return list(map(Placed, ids, values))
    titles = map(offer.items.titles.__getitem__, numbers)
    return list(map(Placed, ids, values, titles, told(shop, outputs, len(numbers), order)))


def told(
    shop: Shop, outputs: Mapping[str, Tensor], size: int, order: Tensor | None = None
) -> list[dict[str, float | dict[str, float]]]:
    """Say for each item what each task predicts: a number, or one for each of its columns."""
    if not outputs:
        return [{} for _ in range(size)]
    tasks = list(outputs)
    if all(len(shop.worth.columns[task]) == 1 for task in tasks):
        table = _chosen(torch.cat([*outputs.values()], dim=1), order)
        return [dict(zip(tasks, row, strict=True)) for row in table.tolist()]
    columns = [_column(shop.worth.columns[task], _chosen(output, order)) for task, output in outputs.items()]
    return [dict(zip(tasks, values, strict=True)) for values in zip(*columns, strict=True)]


def _chosen(values: Tensor, order: Tensor | None) -> Tensor:
    return values if order is None else values[order]


def _column(names: list[str], output: Tensor) -> list[float] | list[dict[str, float]]:
    if len(names) == 1:
        numbers: list[float] = output[:, 0].tolist()
        return numbers
    return [dict(zip(names, row, strict=True)) for row in output.tolist()]


def _finite(scores: list[float]) -> list[float | None]:
    """Put nothing in the place of what no JSON can write."""
    return [*scores] if isfinite(sum(scores)) else [score if isfinite(score) else None for score in scores]
