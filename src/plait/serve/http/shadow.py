"""A model in the shadow answers a share of the requests too; how it differs is counted, and nobody is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from plait.serve.ask.answers import Placed, Ranked, Recommended
from plait.serve.http.desk import Desk
from plait.serve.service import Service

__all__ = ["compare"]

Said = TypeVar("Said", Recommended, Ranked)


def compare(desk: Desk, answer: Said, ask: Callable[[Service], Said]) -> None:
    """Where a shadow is cast, have it answer later and count the differences from what was said.

    Args:
        desk: knows the shadow.
        answer: what is said.
        ask: asks another service the same.
    """
    shadow = None if desk.live is None else desk.live.shadow
    if shadow is None or random.random() >= shadow[1]:
        return
    other: Service = shadow[0].service.service

    def later() -> None:
        try:
            _count(desk, answer.items, ask(other).items)
        except Exception:  # noqa: BLE001  whatever a shadow fails of, it is nobody's answer
            desk.metrics.shadowed("failed")

    if not desk.lanes.later(later):
        desk.metrics.shadowed("left_out")


def _count(desk: Desk, shown: list[Placed], others: list[Placed]) -> None:
    known = {item.item: item.tasks for item in others}
    overlap = sum(item.item in known for item in shown) / len(shown) if shown else 1.0
    gaps = [
        abs(mine - theirs)
        for item in shown
        for task, mine in item.tasks.items()
        if isinstance(mine, float) and isinstance(theirs := known.get(item.item, {}).get(task), float)
    ]
    desk.metrics.shadowed("compared", overlap, max(gaps, default=None))
