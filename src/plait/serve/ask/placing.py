"""Items as they stand in an answer, laid out from whole columns."""

from __future__ import annotations

from torch import Tensor

from plait.serve.ask.answers import Placed
from plait.serve.ask.shop import Offer, Shop

__all__ = ["placed"]


def placed(
    shop: Shop, offer: Offer, rows: Tensor, scores: Tensor | None, outputs: dict[str, Tensor], *, plain: bool = False
) -> list[Placed]:
    """Write items for an answer.

    Args:
        shop: says which numbers tasks give.
        offer: the items.
        rows: which, in order.
        scores: what they are in order by.
        outputs: what the tasks predict for them; nothing where not known.
        plain: ids and scores alone.
    """
    numbers: list[int] = rows.tolist()
    ids = offer.items.ids
    values = [None] * len(numbers) if scores is None else [_finite(score) for score in scores.tolist()]
    if plain:
        return [Placed(ids[row], score) for row, score in zip(numbers, values, strict=True)]
    titles, said = offer.items.titles, told(shop, outputs, len(numbers))
    return [Placed(ids[row], score, titles[row], tasks) for row, score, tasks in zip(numbers, values, said, strict=True)]


def told(shop: Shop, outputs: dict[str, Tensor], size: int) -> list[dict[str, float | dict[str, float]]]:
    """Say for each item what each task predicts: a number, or one for each of its columns."""
    columns: list[list[float | dict[str, float]]] = []
    for task, output in outputs.items():
        names = shop.worth.columns[task]
        if len(names) == 1:
            columns.append(output[:, 0].tolist())
        else:
            columns.append([dict(zip(names, row, strict=True)) for row in output.tolist()])
    if not columns:
        return [{} for _ in range(size)]
    tasks = list(outputs)
    return [dict(zip(tasks, values, strict=True)) for values in zip(*columns, strict=True)]


def _finite(score: float) -> float | None:
    return score if -1e308 < score < 1e308 else None
