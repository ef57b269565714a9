"""Why a user is shown an item: what they had that is like it, what the item would be without that, which stage moved it."""

import torch
from jaxtyping import Bool
from torch import Tensor

from plait.export.backend import Asker
from plait.serve.ask.answers import Because, Explained, Moved
from plait.serve.ask.causes import causes
from plait.serve.ask.choice import candidates
from plait.serve.ask.diversity import spread
from plait.serve.ask.formula import Formula
from plait.serve.ask.person import Person, found, window
from plait.serve.ask.placing import told
from plait.serve.ask.questions import ExplainAsked, RecommendAsked
from plait.serve.ask.recommend import formula_for, ordered
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.similar import row_named
from plait.serve.ask.stages import Stages

__all__ = ["explain"]

_NEIGHBOURS = 3


def explain(shop: Shop, asked: ExplainAsked) -> Explained:
    """Answer why a user is shown an item, or would not be.

    Raises:
        DataError: there is no such item.
    """
    row_named(shop.offer, asked.item)
    return shop.crew.answer(lambda stages: _made(shop, asked, stages))


def _made(shop: Shop, asked: ExplainAsked, stages: Stages) -> Explained:
    offer = shop.offer
    row = row_named(offer, asked.item)
    person = found(shop, offer, asked.user, stages, asked.without, asked.also)
    formula = formula_for(shop, person, asked.formula)
    outputs = stages.need("rank", lambda: shop.backend.rank(person.asker, torch.tensor([row])), shop.limits.rank)
    return Explained(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        known=person.known,
        item=asked.item,
        title=offer.items.titles[row],
        seen=bool((person.seen == row).any()),
        tasks=told(shop, outputs, 1)[0],
        because=_because(shop, offer, person, row, stages),
        moved=_moved(shop, offer, person, row, formula, asked.diversity, stages),
        unknown=offer.items.strangers([*asked.without, *asked.also]),
        why=stages.run("why", lambda: causes(shop, offer, person, row), shop.limits.why) or {},
    )


def _because(shop: Shop, offer: Offer, person: Person, row: int, stages: Stages) -> list[Because]:
    """Return the items of the user's history that are most like it, and what the tasks say without each of them.

    A model that reads the history reads the end of it; of one that does not nothing can be asked without an item.
    """
    read = window(shop, person)
    had = person.seen.tolist() if read is None else read
    others = torch.tensor([other for other in dict.fromkeys(had) if other != row], dtype=torch.int64)
    if offer.places is None or len(others) == 0:
        return []
    places = torch.nn.functional.normalize(offer.places[torch.cat([torch.tensor([row]), others])], dim=1)
    likeness = places[1:] @ places[0]
    best = likeness.argsort(descending=True, stable=True)[:_NEIGHBOURS].tolist()
    item = torch.tensor([row])

    def without(other: int) -> dict[str, float]:
        kept = tuple(one for one in had if one != other)
        outputs = shop.backend.rank(Asker(person.asker.row, kept), item)
        return {
            task: float(shop.worth.single(task, output)[0]) for task, output in outputs.items() if task in shop.worth.names
        }

    said = None
    if read is not None:
        said = stages.run("counterfactual", lambda: [without(int(others[place])) for place in best], shop.limits.rank)
    return [
        Because(
            item=offer.items.ids[int(others[place])],
            title=offer.items.titles[int(others[place])],
            likeness=float(likeness[place]),
            without=said[number] if said is not None else {},
        )
        for number, place in enumerate(best)
    ]


def _moved(
    shop: Shop, offer: Offer, person: Person, row: int, formula: Formula | None, diversity: float, stages: Stages
) -> list[Moved]:
    """Return the item's place after each stage, from 1, among the candidates of a list."""
    shown = torch.ones(offer.items.rows + 1, dtype=torch.bool)
    shown[0] = False
    if not shop.seen.again and len(person.seen):
        shown[person.seen] = False
        shown[row] = True
    near = candidates(shop, offer, person, shown, shop.depth, stages)
    outputs = stages.run("rank", lambda: shop.backend.rank(person.asker, near.rows), shop.limits.rank)
    scores, by = ordered(shop, offer, near, outputs, formula, stages)
    found = near.rows == row
    moved = [Moved(stage="retrieve", place=_place(torch.arange(len(found), 0, -1), found), among=len(found))]
    for task, output in (outputs or {}).items():
        if task in shop.worth.names:
            moved.append(Moved(stage=task, place=_place(shop.worth.single(task, output), found), among=len(found)))
    moved.append(Moved(stage=by, place=_place(scores, found), among=len(found)))
    if diversity:
        asked = RecommendAsked.model_construct(count=len(found), diversity=diversity)
        order = found[spread(offer, near.rows, scores, asked)]
        moved.append(Moved(stage="diversity", place=_place(torch.arange(len(order), 0, -1), order), among=len(order)))
    return moved


def _place(scores: Tensor, found: Bool[Tensor, " C"]) -> int | None:
    """Return the place of the item that was looked for; None where it is not among them."""
    where = found.nonzero()[:, 0]
    return None if len(where) == 0 else 1 + int((scores > scores[where[0]]).sum())
