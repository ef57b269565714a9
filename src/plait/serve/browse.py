"""What the pages of a run show, with no HTTP in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from threading import RLock
from typing import Final, final

import pyarrow as pa
import torch
from torch import Tensor

from plait.encode.text.tokens import TextTokens
from plait.errors import DataError
from plait.export.shape import Pairing, Shape, shape_of
from plait.run.phrases import spelled
from plait.run.predict import table_of
from plait.run.run import Run
from plait.serve.ask.said import said
from plait.serve.catalogue import Catalogue
from plait.serve.places import Places
from plait.serve.ranker import Ranker
from plait.serve.readings import reading
from plait.serve.wire import (
    Asked,
    Card,
    Chance,
    Home,
    ItemPage,
    Listing,
    Prediction,
    RowsPage,
    Scored,
    Shelf,
    Similar,
    TableSummary,
    TaskSummary,
    UserPage,
)
from plait.tasks.base import Head

__all__ = ["PARTS", "Browse"]

PARTS: Final = ("test", "valid", "train", "all")
"""Which rows of a table can be looked through; those of the test part first, as the model never saw them."""

_SIDE: Final = 6
_PER_PAGE: Final = 24
_SOME: Final = 8
_POPULAR: Final = 12
_PART_NUMBER: Final = {"train": 1, "valid": 2, "test": 3}


@final
class Browse:
    """Reads a run for its pages.

    The model runs one question at a time, so an answer does not depend on what others ask at that moment.

    Args:
        run: a finished run.

    Attributes:
        shape: who is recommended what.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.shape: Shape = shape_of(run.layout)
        self._places = Places(run)
        self._ranker = Ranker(run, self._places)
        self._lock = RLock()
        self._catalogues: dict[str, Catalogue] = {}

    def catalogue(self, table: str) -> Catalogue | None:
        """Return the rows of a table as cards; None for a table that does not exist."""
        if table not in self.run.layout.tables:
            return None
        with self._lock:
            if table not in self._catalogues:
                self._catalogues[table] = Catalogue(self.run, table, self._titles)
            return self._catalogues[table]

    def home(self) -> Home:
        """Return what the first page shows."""
        shape, tables = self.shape, self.run.layout.tables
        return Home(
            recipe=self.run.recipe.name,
            users=shape.users,
            user_count=tables[shape.users].rows if shape.users else 0,
            items=shape.items,
            item_count=tables[shape.items].rows if shape.items else 0,
            tasks=self._task_summaries,
            tables=[TableSummary(name=name, rows=tables[name].rows, tasks=self.pointwise(name)) for name in shape.tables],
            some_users=self._some_users(),
            popular=self._popular(),
        )

    def listing(self, table: str, query: str = "", page: int = 1) -> Listing | None:
        """Search a table by id or words; None where there is no such table."""
        catalogue = self.catalogue(table)
        if catalogue is None:
            return None
        found = catalogue.search(query)
        page, pages, rows = _page(found, page)
        return Listing(table=table, query=query, found=len(found), page=page, pages=pages, cards=catalogue.cards(rows))

    def table_rows(self, table: str, part: str = "test", query: str = "", page: int = 1) -> RowsPage | None:
        """Return rows with predictions beside the observed labels; None where there is no such table or it has no tasks."""
        catalogue = self.catalogue(table)
        if catalogue is None or table not in self.shape.tables:
            return None
        among = None
        if part in _PART_NUMBER:
            among = (self.run.prepared.tables[table].part == _PART_NUMBER[part]).nonzero()[:, 0].tolist()
        found = catalogue.search(query, among)
        page, pages, rows = _page(found, page)
        cards = [
            card.model_copy(update={"predictions": known})
            for card, known in zip(catalogue.cards(rows), self.predictions(table, rows), strict=True)
        ]
        return RowsPage(
            table=table,
            part=part,
            query=query,
            found=len(found),
            page=page,
            pages=pages,
            columns=[column.replace("_", " ") for column in catalogue.columns],
            tasks=self.pointwise(table),
            rows=cards,
        )

    def user(self, user: str) -> UserPage | None:
        """Return what is predicted of a user, and the best of what else they meet; None for an unknown user."""
        users = None if self.shape.users is None else self.catalogue(self.shape.users)
        row = None if users is None else users.row(user)
        if users is None or row is None:
            return None
        _, *others = self.shape.pairings
        shown = [pairing for pairing in others if self.catalogue(pairing.items) and (pairing.ranks or pairing.retrieval)]
        card = users.card(row).model_copy(update={"predictions": self._about(row)})
        return UserPage(user=card, shelves=[self._shelf(pairing, row, _SIDE) for pairing in shown])

    def cards(self, table: str, ids: Sequence[str]) -> dict[str, Card]:
        """Return the cards of rows by id; rows that are not in the run have none."""
        catalogue = self.catalogue(table)
        rows = [] if catalogue is None else [row for row in map(catalogue.row, ids) if row is not None]
        return {} if catalogue is None else {card.id: card for card in catalogue.cards(rows)}

    def similar(self, table: str, item: str, count: int) -> Similar | None:
        """Return the rows of a table nearest to one of them; None for an unknown row or table."""
        catalogue = self.catalogue(table)
        row = None if catalogue is None else catalogue.row(item)
        if catalogue is None or row is None:
            return None
        with self._lock:
            rows, scores = self._places.near(table, row, count)
        cards = zip(catalogue.cards(rows), scores, strict=True)
        items = [card.model_copy(update={"score": score}) for card, score in cards]
        return Similar(
            item=catalogue.card(row), by=self._places.space(table), among=self._places.compared(table), items=items
        )

    def item(self, table: str, item: str, count: int) -> ItemPage | None:
        """Return all that an item's page shows; None for an unknown item or table."""
        similar = self.similar(table, item, count)
        catalogue = self.catalogue(table)
        row = None if catalogue is None else catalogue.row(item)
        if similar is None or row is None:
            return None
        known = self.predictions(table, [row])[0]
        return ItemPage(item=similar.item.model_copy(update={"predictions": known}), similar=similar)

    def predict(self, asked: Asked) -> Scored:
        """Score rows that are in no table.

        Raises:
            RecipeError: there is no such table.
            DataError: the rows do not hold what the table's tasks read.
        """
        try:
            rows = pa.Table.from_pylist(asked.rows)
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            raise DataError(
                f"The values of a column should be of one kind that a table can hold. Found: {error}."
            ) from error
        table = table_of(self.run, rows, asked.table)
        with self._lock:
            scores = self.run.predict(rows, table)
        return Scored(table=table, rows=[{name: said(value) for name, value in row.items()} for row in scores.to_pylist()])

    def predictions(self, table: str, rows: Sequence[int]) -> list[list[Prediction]]:
        """Predict the pointwise tasks of rows of a table, with the observed labels beside."""
        tasks = self.pointwise(table)
        if not rows or not tasks:
            return [[] for _ in rows]
        with self._lock:
            outputs = self.run.scorer.outputs(table, torch.tensor(rows), tasks)
        labels, layout = self.run.prepared.tables[table].labels, self.run.layout
        return [
            [
                self._marked(t, outputs[t][i], row)
                if layout.tasks[t].kind == "tagging"
                else reading(layout.tasks[t], self._names(t), outputs[t][i], labels[t][row])
                for t in tasks
            ]
            for i, row in enumerate(rows)
        ]

    def pointwise(self, table: str) -> list[str]:
        """Name the tasks of a table that predict something of each row by itself."""
        model, tasks = self.run.model, {n: t for n, t in self.run.layout.tasks.items() if t.table == table}
        return [n for n, task in tasks.items() if task.kind == "tagging" or isinstance(model.head(n), Head)]

    def _marked(self, task: str, output: Tensor, row: int) -> Prediction:
        """Write the phrases found in the text of a row, the surest first, and those that were marked."""
        layout, reader = self.run.layout.tasks[task], self.run.texts
        assert layout.text is not None and isinstance(reader, TextTokens)
        columns = self.run.prepared.tables[layout.table]
        words, label = columns.words[layout.text], columns.labels[task][row]
        found = output.reshape(-1, 3)
        names = spelled(found[:, :2], words, row, reader)
        chances = [Chance(name=name, probability=float(chance)) for name, chance in zip(names, found[:, 2], strict=False)]
        chances.sort(key=lambda chance: -chance.probability)
        true = None if bool(label[0].isnan()) else ", ".join(spelled(label.reshape(-1, 2), words, row, reader)) or "none"
        return Prediction(task=task, kind="tagging", chances=chances, truth=true)

    @cached_property
    def _task_summaries(self) -> list[TaskSummary]:
        found = []
        for name, task in self.run.report.tasks.items():
            joint, alone = task.joint.get(task.metric), task.alone.get(task.metric)
            layout = self.run.layout.tasks[name]
            found.append(
                TaskSummary(
                    name=name,
                    kind=layout.kind,
                    table=layout.table,
                    metric=task.metric,
                    joint=None if joint is None else joint.value,
                    alone=None if alone is None else alone.value,
                    verdict=None if task.gain is None else task.gain.verdict,
                )
            )
        return found

    def _some_users(self) -> list[Card]:
        users = None if self.shape.users is None else self.catalogue(self.shape.users)
        if users is None or users.rows == 0:
            return []
        step = max(1, users.rows // _SOME)
        return users.cards(list(range(1 + step // 2, users.rows + 1, step))[:_SOME])

    def _popular(self) -> list[Card]:
        items = None if self.shape.items is None else self.catalogue(self.shape.items)
        if items is None or items.rows == 0:
            return []
        if not self.shape.pairings:
            return items.cards(range(1, min(items.rows, _POPULAR) + 1))
        popularity = self._ranker.seen(self.shape.pairings[0]).popularity
        return items.cards(popularity.argsort(descending=True, stable=True)[: min(items.rows, _POPULAR)].tolist())

    def _titles(self, table: str) -> pa.Array | None:
        """Say what the rows of a table are called, where they have ids."""
        catalogue = self.catalogue(table) if table in self.run.prepared.plan.ids else None
        return None if catalogue is None else catalogue.titles

    def _names(self, task: str) -> list[str]:
        head = self.run.model.head(task)
        assert isinstance(head, Head)
        return head.columns

    def _shelf(self, pairing: Pairing, user: int, count: int) -> Shelf:
        """Rank the items of a pairing for a user and predict every task for those shown."""
        catalogue = self.catalogue(pairing.items)
        assert catalogue is not None
        with self._lock:
            rows, scores, by = self._ranker.ranked(pairing, user, count)
            known = self._ranker.predictions(pairing, user, rows)
            again = self._ranker.seen(pairing).again
        cards = zip(catalogue.cards(rows), scores, known, strict=True)
        items = [card.model_copy(update={"score": score, "predictions": found}) for card, score, found in cards]
        return Shelf(table=pairing.items, event=pairing.table, ranked_by=by, again=again, items=items)

    def _about(self, user: int) -> list[Prediction]:
        """Predict what tables with no key but the user's say of a user, and tasks on the users themselves."""
        assert self.shape.users is not None
        found: list[Prediction] = []
        with self._lock:
            for table, key in self.shape.about.items():
                found += self._ranker.about(table, key, self.pointwise(table), user)
        return [*found, *self.predictions(self.shape.users, [user])[0]]


def _page(found: list[int], page: int) -> tuple[int, int, list[int]]:
    """Cut one page out of what was found: its number, how many there are, its rows."""
    pages = max(1, -(-len(found) // _PER_PAGE))
    page = min(page, pages)
    return page, pages, found[(page - 1) * _PER_PAGE : page * _PER_PAGE]
