"""Items that somebody names: in which order to show them, and what every task says of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from plait.errors import DataError
from plait.export.backend import Asker
from plait.run.predict import table_of
from plait.run.run import Run
from plait.serve.ask.answers import Ranked, Scored
from plait.serve.ask.choice import Candidates
from plait.serve.ask.person import found
from plait.serve.ask.placing import placed
from plait.serve.ask.questions import RankAsked, ScoreAsked
from plait.serve.ask.recommend import ordered
from plait.serve.ask.said import said
from plait.serve.ask.shop import Offer, Shop
from plait.serve.ask.stages import Stages

__all__ = ["rank", "score", "score_rows"]


def rank(shop: Shop, asked: RankAsked) -> Ranked:
    """Put items in order for a user; an item named twice stands once.

    Raises:
        RecipeError: the formula names what there is not.
    """
    return shop.crew.answer(lambda stages: _ranked(shop, asked, stages))


def _ranked(shop: Shop, asked: RankAsked, stages: Stages) -> Ranked:
    offer = shop.offer
    formula = shop.chosen(asked.formula)
    person = found(shop, offer, asked.user, stages)
    rows, unknown = _rows(offer, list(dict.fromkeys(asked.items)))
    near = Candidates(rows)
    if formula is not None and shop.worth.retrieval in formula.names:
        fits = stages.run("retrieve", lambda: _fits(shop, offer, person.asker, rows), shop.limits.retrieve)
        near = Candidates(rows, fits)
    outputs = stages.run("rank", lambda: shop.backend.rank(person.asker, rows), shop.limits.rank)
    scores, by = ordered(shop, offer, near, outputs, formula, stages)
    order = scores.argsort(descending=True, stable=True)
    items = placed(shop, offer, rows, scores, outputs or {}, order, plain=asked.plain)
    return Ranked.model_construct(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        known=person.known,
        by=by,
        items=items,
        unknown=unknown,
    )


def score(shop: Shop, asked: ScoreAsked) -> Scored:
    """Say what every task predicts for a user with some items, in the order of the question.

    Raises:
        PlaitError: the model does not answer; there is nothing to say without it.
    """
    return shop.crew.answer(lambda stages: _scored(shop, asked, stages))


def _scored(shop: Shop, asked: ScoreAsked, stages: Stages) -> Scored:
    assert asked.user is not None
    offer = shop.offer
    person = found(shop, offer, asked.user, stages)
    rows, unknown = _rows(offer, asked.items)
    outputs = stages.need("rank", lambda: shop.backend.rank(person.asker, rows), shop.limits.rank)
    items = placed(shop, offer, rows, None, outputs)
    return Scored.model_construct(
        model=shop.backend.version,
        degraded=stages.degraded,
        took=stages.told(),
        user=asked.user,
        known=person.known,
        items=items,
        unknown=unknown,
        table=None,
        rows=[],
    )


def score_rows(run: Run, version: str, asked: ScoreAsked) -> Scored:
    """Say what every task predicts for rows that are in no table.

    Raises:
        RecipeError: there is no such table.
        DataError: the rows do not hold what the table's tasks read.
    """
    try:
        rows = pa.Table.from_pylist(asked.rows)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise DataError(f"The values of a column should be of one kind that a table can hold. Found: {error}.") from error
    table = table_of(run, rows, asked.table)
    scores = run.predict(rows, table)
    found_rows = [{name: said(value) for name, value in row.items()} for row in scores.to_pylist()]
    return Scored(model=version, table=table, rows=found_rows)


def _rows(offer: Offer, names: list[str]) -> tuple[Tensor, list[str]]:
    found_rows = list(map(offer.items.row_of.get, names))
    unknown = [name for name, row in zip(names, found_rows, strict=True) if row is None] if None in found_rows else []
    known = [row for row in found_rows if row is not None] if unknown else found_rows
    return torch.from_numpy(np.array(known, dtype=np.int64)), unknown


def _fits(shop: Shop, offer: Offer, asker: Asker, rows: Tensor) -> Tensor | None:
    query = shop.backend.query(asker)
    return None if query is None or offer.places is None else offer.places[rows] @ query.float()
