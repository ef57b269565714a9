"""Why each task says what it says of a pair: what everything that is known adds, and what would turn it."""

from __future__ import annotations

import torch

from plait.explain.ablation import ablate
from plait.explain.counterfactual import counterfactual
from plait.serve.ask.answers import Cause, Effect
from plait.serve.ask.features import Part, Parts
from plait.serve.ask.person import Person
from plait.serve.ask.shop import Offer, Shop

__all__ = ["causes"]

_LONG = 160


def causes(shop: Shop, offer: Offer, person: Person, row: int) -> dict[str, Cause]:
    """Leave out every feature and every earlier item once, for all tasks in one batch.

    Args:
        shop: what questions are answered from.
        offer: the items as they are now.
        person: whom for.
        row: number of the item.
    """
    parts = Parts(shop.bundle, person.asker, row)
    if not parts.tasks:
        return {}
    known = ablate(parts.score, len(parts.parts))
    worded = [_worded(shop, offer, person, row, part) for part in parts.parts]
    found = {}
    for place, task in enumerate(parts.tasks):
        mean = shop.run.layout.tasks[task].mean

        def score(present: torch.Tensor, at: int = place) -> torch.Tensor:
            return parts.score(present)[:, at]

        def effect(part: int, at: int = place) -> Effect:
            return worded[part].model_copy(update={"effect": float(known.effects[part, at])})

        turned = counterfactual(score, len(parts.parts), mean)
        found[task] = Cause(
            score=float(known.full[place]),
            mean=mean,
            effects=[effect(part) for part in known.order(place)],
            turned=None if turned is None else [effect(part) for part in turned],
        )
    return found


def _worded(shop: Shop, offer: Offer, person: Person, row: int, part: Part) -> Effect:
    """Name a part, with what it holds."""
    if part.item:
        return Effect(feature=part.role, value=offer.items.titles[part.item], item=offer.items.ids[part.item], effect=0.0)
    table, _, column = part.feature.partition(".")
    value: object = None
    # A table that is reached another way, such as the items of a history, has no one row to quote.
    if part.role == table == offer.items.name and column in offer.items.table.column_names:
        value = offer.items.table[column][row - 1].as_py()
    elif part.role == table == shop.backend.shape.users and person.asker.row:
        value = shop.users.value(person.asker.row, column)
    return Effect(feature=part.feature, value=_short(value), effect=0.0)


def _short(value: object) -> str | None:
    if value is None:
        return None
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONG else text[: _LONG - 1].rstrip() + "…"
