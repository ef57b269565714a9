"""The rows of one table as cards: a title, a few facts, found by id or by words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, final

import pyarrow as pa
import pyarrow.compute as pc
import torch

from plait.run.run import Run
from plait.schema import Category, Image, Text
from plait.serve.unpack import unpacked
from plait.serve.wire import Card, Fact

__all__ = ["Catalogue", "singular"]

_TITLE_COLUMNS: Final = ("title", "name", "label", "headline")
_LONG: Final = 160
_FACTS: Final = 8


def singular(table: str) -> str:
    """Name one row of a table: `movies` → `movie`."""
    word = table.replace("_", " ")
    if word == "people":
        return "person"
    if word.endswith("ies") and len(word) > 4 and word != "movies":
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


@final
class Catalogue:
    """Everything a person may see of a table.

    Rows of a table without an `id` are called by their number.

    Args:
        run: the run.
        table: one of its tables.
        titles: gives what the rows of another table are called; None where nobody knows.
    """

    def __init__(self, run: Run, table: str, titles: Callable[[str], pa.Array | None]) -> None:
        plan = run.prepared.plan
        self.table = table
        self.rows = run.layout.tables[table].rows
        identifier = plan.id_column(table) if table in plan.ids else ""
        if identifier:
            self._raw: pa.Table = run.prepared.raw(table, torch.arange(1, self.rows + 1))
            self._ids: list[str] = [_plain(value) for value in self._raw[identifier].to_pylist()]
        else:
            self._raw = unpacked(run.prepared.tables[table], plan, titles)
            self._ids = [str(row) for row in range(1, self.rows + 1)]
        self._row_of = {name: row for row, name in enumerate(self._ids, start=1)}
        features = {name.partition(".")[2]: f for name, f in run.recipe.features.items() if name.startswith(f"{table}.")}
        self._separators = {c: f.separator for c, f in features.items() if isinstance(f, Category) and f.separator}
        self._prepared = run.prepared
        self._pictured = table in plan.ids and any(isinstance(feature, Image) for feature in features.values())
        texts = [column for column, feature in features.items() if isinstance(feature, Text)]
        self._title = self._title_column(texts)
        read = {feature.name.partition(".")[2] for feature in run.layout.tables[table].features}
        keys = set(run.recipe.tables[table].keys)
        unread = {column for column in features if column not in read}
        # Where there is no id, keys are all that tells rows apart, and they come as titles.
        hidden = {identifier, self._title} | (keys | unread if identifier else unread - keys)
        self.columns = [c for c in self._raw.column_names if c not in hidden][:_FACTS]
        self._words = [c for c in self._raw.column_names if _is_text(self._raw[c].type) or c == identifier]

    @property
    def titles(self) -> pa.Array:
        """What the rows are called, in the order of their numbers from 1."""
        if self._title is None:
            return pa.array([self._title_of(row, {}) for row in range(1, self.rows + 1)], pa.string())
        values = self._raw[self._title].to_pylist()
        return pa.array(
            [self._title_of(row, {self._title: value}) for row, value in enumerate(values, start=1)], pa.string()
        )

    def row(self, name: str) -> int | None:
        """Return the row number of an id, or None."""
        return self._row_of.get(name)

    def id(self, row: int) -> str:
        """Return the id of a row number from 1."""
        return self._ids[row - 1]

    def value(self, row: int, column: str) -> object:
        """Return what a row holds in a column, as its table had it; None where that was not kept."""
        return self._raw[column][row - 1].as_py() if column in self._raw.column_names else None

    def cards(self, rows: Sequence[int]) -> list[Card]:
        """Return cards of row numbers from 1, in order."""
        taken = self._raw.take(pa.array([row - 1 for row in rows], pa.int64())).to_pylist()
        return [
            Card(
                table=self.table,
                id=self.id(row),
                title=self._title_of(row, values),
                facts=self.facts(values),
                picture=self.picture(row) is not None,
            )
            for row, values in zip(rows, taken, strict=True)
        ]

    def picture(self, row: int) -> bytes | None:
        """Return the small picture of a row, as JPEG, where one was kept."""
        return self._prepared.picture(self.table, row) if self._pictured else None

    def card(self, row: int) -> Card:
        """Return the card of a row number from 1."""
        return self.cards([row])[0]

    def search(self, query: str, among: Sequence[int] | None = None) -> list[int]:
        """Return the rows whose id or words hold a text, an equal id first; all rows for an empty text.

        Args:
            query: what to look for, in any case.
            among: only these rows, ascending.
        """
        words = query.strip()
        chosen = self._raw if among is None else self._raw.take(pa.array([row - 1 for row in among], pa.int64()))
        numbers = range(1, self.rows + 1) if among is None else among
        if not words:
            return list(numbers)
        mask = pa.array([False] * chosen.num_rows)
        for column in self._words:
            text = chosen[column].cast(pa.string())
            mask = pc.or_(mask, pc.fill_null(pc.match_substring(text, words, ignore_case=True), False))
        found = [row for row, hit in zip(numbers, mask.to_pylist(), strict=True) if hit]
        equal = self.row(words)
        if equal in found:
            found.remove(equal)
            found.insert(0, equal)
        return found

    def _title_column(self, texts: list[str]) -> str | None:
        """Choose the column a person would call a row by."""
        named: list[str] = [c for c in self._raw.column_names if c.lower() in _TITLE_COLUMNS]
        for column in [*named, *texts]:
            if column in self._raw.column_names and _is_text(self._raw[column].type):
                usual = pc.quantile(pc.utf8_length(self._raw[column]), 0.9, interpolation="higher")[0].as_py() or 0
                if usual <= _LONG:
                    return column
        return None

    def _title_of(self, row: int, values: dict[str, object]) -> str:
        value = values.get(self._title) if self._title is not None else None
        return _shortened(str(value)) if value not in (None, "") else f"{singular(self.table).capitalize()} {self.id(row)}"

    def facts(self, values: Mapping[str, object]) -> list[Fact]:
        """Return what is worth saying of a row, given what its table holds."""
        facts = []
        for column in self.columns:
            value = values.get(column)
            if value is None or value == "" or value == [] or value != value:
                continue
            separator = self._separators.get(column)
            many = [_plain(part) for part in value] if isinstance(value, list) else []
            if separator is not None and isinstance(value, str):
                many = [part.strip() for part in value.split(separator) if part.strip()]
            text = ", ".join(many) if many else _plain(value)
            facts.append(Fact(name=column.replace("_", " "), value=_shortened(text), many=many))
        return facts


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain(value: object) -> str:
    """Write a value without the marks of its type: a whole number as such, never `3.0`."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    return str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1].rstrip() + "…"
