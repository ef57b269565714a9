"""What the service answers, as cards: a row with its title and facts, and what every task says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plait.layout import TaskLayout
from plait.serve.ask.answers import Placed
from plait.serve.browse import Browse
from plait.serve.wire import Card, Chance, Prediction

__all__ = ["cards_of", "newcomer", "predictions_of"]

_FEW = 5


def cards_of(browse: Browse, placed: Sequence[Placed]) -> list[Card]:
    """Return the items of an answer as cards, in its order; what was added since the run has its title alone."""
    table = browse.shape.items or ""
    known = browse.cards(table, [one.item for one in placed])
    return [
        known.get(one.item, Card(table=table, id=one.item, title=one.title or one.item)).model_copy(
            update={"score": one.score, "predictions": predictions_of(browse.run.layout.tasks, one.tasks)}
        )
        for one in placed
    ]


def newcomer(browse: Browse, told: Mapping[str, object]) -> Card:
    """Return what the service knows of an item that was added since the run, as a card."""
    catalogue = browse.catalogue(browse.shape.items or "")
    assert catalogue is not None
    return Card(table=catalogue.table, id=str(told["id"]), title=str(told["title"]), facts=catalogue.facts(told))


def predictions_of(layouts: Mapping[str, TaskLayout], tasks: Mapping[str, float | dict[str, float]]) -> list[Prediction]:
    """Return what tasks say as predictions: a number, or the likeliest of their classes."""
    found = []
    for name, value in tasks.items():
        kind = layouts[name].kind
        if not isinstance(value, dict):
            found.append(Prediction(task=name, kind=kind, value=value))
            continue
        likely = sorted(value.items(), key=lambda pair: -pair[1])[:_FEW]
        chances = [Chance(name=label, probability=chance) for label, chance in likely]
        found.append(Prediction(task=name, kind=kind, best=likely[0][0] if likely else None, chances=chances))
    return found
