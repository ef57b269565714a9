"""What is known of a user: what tasks about users predict, and what the items they would be shown have in common."""

from typing import Final, final

import torch
from jaxtyping import Int
from torch import Tensor

from plait.export.pairs import Pairs
from plait.serve.ask.answers import Confidence, Interest, Profile
from plait.serve.ask.choice import candidates
from plait.serve.ask.person import Person, found
from plait.serve.ask.questions import ProfileAsked
from plait.serve.ask.recommend import ordered
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages
from plait.tasks.base import Head

__all__ = ["Biographer", "share_of"]

_LOOKED_AT: Final = 100
_NORMAL: Final = 1.959964


@final
class Biographer:
    """Describes users.

    Args:
        shop: users and items.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._pairs = Pairs(shop.run.model, shop.run.prepared)

    def profile(self, asked: ProfileAsked) -> Profile:
        """Answer what is known and predicted of a user.

        Interests come from the best items for them, those they had included: a value that more of these have than of all
        items, by more than chance explains.
        """
        return self._shop.crew.answer(lambda stages: self._made(asked, stages))

    def _made(self, asked: ProfileAsked, stages: Stages) -> Profile:
        shop, offer = self._shop, self._shop.offer
        person = found(shop, offer, asked.user, stages)
        attributes = {}
        if person.asker.row:
            about = stages.run("attributes", lambda: self._attributes(person.asker.row), shop.limits.rank)
            attributes = about or {}
        best = self._best(offer, person, stages) if person.known else torch.empty(0, dtype=torch.int64)
        return Profile(
            model=shop.backend.version,
            degraded=stages.degraded,
            took=stages.told(),
            user=asked.user,
            known=person.known,
            events=len(person.seen),
            attributes=attributes,
            interests=_interests(offer, best, person.seen, asked.count) if len(best) else [],
        )

    def _best(self, offer: Offer, person: Person, stages: Stages) -> Int[Tensor, " k"]:
        shop = self._shop
        shown = torch.ones(offer.items.rows + 1, dtype=torch.bool)
        shown[0] = False
        near = candidates(shop, offer, person, shown, _LOOKED_AT, stages)
        outputs = stages.run("rank", lambda: shop.backend.rank(person.asker, near.rows), shop.limits.rank)
        scores, _ = ordered(shop, offer, near, outputs, shop.formula, stages)
        # Of few items, half: all of them would be like all of them.
        return near.rows[scores.argsort(descending=True, stable=True)[: min(_LOOKED_AT, max(1, offer.items.rows // 2))]]

    def _attributes(self, user: int) -> dict[str, float | dict[str, float]]:
        shape, run = self._shop.backend.shape, self._shop.run
        said: dict[str, float | dict[str, float]] = {}
        for table, key in [*shape.about.items(), (str(shape.users), "")]:
            heads = {n: run.model.head(n) for n, task in run.layout.tasks.items() if task.table == table}
            tasks = {name: head for name, head in heads.items() if isinstance(head, Head)}
            if not tasks:
                continue
            if key:
                outputs = self._pairs.outputs(table, {key: torch.tensor([user])}, list(tasks))
            else:
                outputs = run.scorer.outputs(table, torch.tensor([user]), list(tasks))
            for name, head in tasks.items():
                values = outputs[name][0].tolist()
                said[name] = values[0] if len(values) == 1 else dict(zip(head.columns, values, strict=True))
        return said


def share_of(part: int, whole: int) -> Confidence:
    """Return a share with its 95 % interval.

    References:
        Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927,
        https://doi.org/10.1080/01621459.1927.10502953.
    """
    share, square = part / whole, _NORMAL**2
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    half = _NORMAL * (share * (1 - share) / whole + square / (4 * whole**2)) ** 0.5 / (1 + square / whole)
    return Confidence(value=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _interests(offer: Offer, best: Int[Tensor, " k"], had: Int[Tensor, " n"], count: int) -> list[Interest]:
    every = torch.arange(1, offer.items.rows + 1)
    told: list[Interest] = []
    for name in offer.items.grouped():
        column = offer.items.column(name)
        size = len(column.names)
        base, shown, own = (torch.bincount(column.words_of(rows)[1], minlength=size).tolist() for rows in (every, best, had))
        for code, word in enumerate(column.names):
            everywhere = base[code] / offer.items.rows
            share = share_of(shown[code], len(best))
            if shown[code] and share.low > everywhere:
                told.append(
                    Interest(
                        column=name,
                        value=word,
                        share=share,
                        everywhere=everywhere,
                        lift=share.value / everywhere,
                        events=own[code],
                    )
                )
    return sorted(told, key=lambda interest: -interest.lift)[:count]
