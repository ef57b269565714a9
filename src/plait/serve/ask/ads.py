"""Which advertisements to show: what is bid, times the chance that it is paid, held back where money would run out early."""

from __future__ import annotations

import torch
from torch import Tensor

from plait.errors import RecipeError
from plait.serve.ask.answers import Ad, Ads
from plait.serve.ask.calibration import Calibrations
from plait.serve.ask.formula import Formula
from plait.serve.ask.person import Person, found
from plait.serve.ask.questions import AdsAsked, Bid
from plait.serve.ask.shop import Shop
from plait.serve.ask.stages import Stages
from plait.serve.ask.worth import named, quoted

__all__ = ["ads", "charges", "pace"]


def ads(shop: Shop, calibrations: Calibrations, asked: AdsAsked) -> Ads:
    """Choose the advertisements of the largest expected value for a user.

    Without the model the chance of an event is its rate in training, the same for all.

    Raises:
        RecipeError: the event names what is no chance of a user with an item.
    """
    event = _event(shop, asked.event)
    return shop.crew.answer(lambda stages: _made(shop, calibrations, asked, event, stages))


def _made(shop: Shop, calibrations: Calibrations, asked: AdsAsked, event: Formula, stages: Stages) -> Ads:
    offer = shop.offer
    person = found(shop, offer, asked.user, stages)
    refused, bids, rows = _admitted(offer.items.row_of, asked.bids)
    chances = _chances(shop, calibrations, event, person, torch.tensor(rows, dtype=torch.int64), stages)
    paces = torch.tensor([pace(bid) for bid in bids], dtype=torch.float64)
    offered = torch.tensor([bid.bid for bid in bids], dtype=torch.float64)
    values = offered * chances * paces
    order = values.argsort(descending=True, stable=True)
    shown = order[: asked.count]
    costs = charges(offered[order], (chances * paces)[order])[: asked.count]
    columns = (shown.tolist(), chances[shown].tolist(), values[shown].tolist(), paces[shown].tolist(), costs.tolist())
    return Ads(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        event=event.text,
        calibrated={name: str(calibrations.of(name)) for name in event.names},
        ads=[
            Ad(
                item=bids[place].item,
                campaign=bids[place].campaign,
                bid=bids[place].bid,
                probability=chance,
                value=value,
                pace=slowed,
                charge=charge,
            )
            for place, chance, value, slowed, charge in zip(*columns, strict=True)
        ],
        refused=refused,
    )


def pace(bid: Bid) -> float:
    """Return how much of its value a campaign's advertisement counts: the money left over the time left, at most 1.

    One that spends evenly counts in full; one that has spent most of its money early counts less, so that it is shown
    less, until time has caught up.
    """
    if bid.budget is None:
        return 1.0
    money, time = max(0.0, 1 - bid.spent / bid.budget), max(1 - bid.elapsed, 1e-9)
    return min(1.0, money / time)


def charges(bids: Tensor, weights: Tensor) -> Tensor:
    """Return what each of some advertisements, in order, would pay: what keeps it before the next one, at most its bid.

    Args:
        bids: what is bid.
        weights: chance times pace of each.
    """
    following = torch.cat([(bids * weights)[1:], torch.zeros(1, dtype=bids.dtype)])[: len(bids)]
    return torch.minimum(bids, following / weights.clamp(min=1e-12))


def _event(shop: Shop, text: str | None) -> Formula:
    """Read what is paid for; where nobody said it, the last task that is given another, else the first chance there is.

    A task that is given others predicts the chance that all of it happens, so it stands alone.
    """
    binary = [name for name, kind in shop.worth.kinds.items() if kind == "binary"]
    if not binary:
        raise RecipeError(
            "Advertisements are weighed by the chance of what is paid for, so the recipe should have a binary task of users "
            f"with items. Found {dict(shop.worth.kinds)}."
        )
    if text is not None:
        return named(Formula(text, binary))
    tasks = shop.run.recipe.tasks
    dependent = [name for name in binary if tasks[name].parents]
    return Formula(quoted(dependent[-1] if dependent else binary[0]), binary)


def _admitted(row_of: dict[str, int], bids: list[Bid]) -> tuple[dict[str, str], list[Bid], list[int]]:
    refused: dict[str, str] = {}
    kept, rows = [], []
    for bid in bids:
        row = row_of.get(bid.item)
        if row is None:
            refused[bid.item] = "there is no such item"
        elif bid.budget is not None and bid.spent >= bid.budget:
            refused[bid.item] = f"the budget of {bid.campaign or 'its campaign'} is spent"
        else:
            kept.append(bid)
            rows.append(row)
    return refused, kept, rows


def _chances(shop: Shop, calibrations: Calibrations, event: Formula, person: Person, rows: Tensor, stages: Stages) -> Tensor:
    outputs = stages.run("rank", lambda: shop.backend.rank(person.asker, rows), shop.limits.rank)
    layouts = shop.run.layout.tasks
    values = {
        name: calibrations.of(name)(outputs[name][:, 0])
        if outputs is not None
        else torch.full((len(rows),), layouts[name].mean, dtype=torch.float64)
        for name in event.names
    }
    return event(values).clamp(0, 1)
