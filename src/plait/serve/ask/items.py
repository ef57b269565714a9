"""The items that are offered, as one state that never changes: their ids, titles, and the columns to choose by."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import islice
from threading import Lock
from typing import Final, final

import pyarrow as pa
from jaxtyping import Bool
from torch import Tensor

from plait.errors import RecipeError, nearest
from plait.run.run import Run
from plait.schema import Category
from plait.serve.ask.columns import Column
from plait.serve.ask.questions import Condition, Range
from plait.serve.catalogue import Catalogue

__all__ = ["Items"]

_KEPT: Final = 64


@final
class Items:
    """The rows of the items' table.

    Args:
        name: of the table.
        table: its outside values, from row 1; no columns where they were not kept.
        ids: of the rows, from row 1; of those behind `before`, where that is given.
        titles: of the same rows.
        separators: column -> what stands between several words.
        before: the state that this one has rows behind.

    Attributes:
        rows: how many there are, without row 0.
        given: how many of them were in the run.
        origin: the same for all states that grew from one: of two of them, the shorter is the beginning of the longer.
    """

    def __init__(
        self,
        name: str,
        table: pa.Table,
        ids: list[str],
        titles: list[str],
        separators: Mapping[str, str],
        before: "Items | None" = None,
    ) -> None:
        self.name = name
        self.table = table
        # One copy of each list is made and no more: there may be millions.
        self.ids: list[str] = ["", *ids] if before is None else [*before.ids, *ids]
        self.titles: list[str] = ["", *titles] if before is None else [*before.titles, *titles]
        self.rows = len(self.ids) - 1
        self.origin: object = object() if before is None else before.origin
        known = 0 if before is None else before.rows
        self.given: int = self.rows if before is None else before.given
        self.row_of: dict[str, int] = {} if before is None else dict(before.row_of)
        self.row_of.update({found: row for row, found in enumerate(ids, start=known + 1)})
        self._separators = dict(separators)
        self._columns: dict[str, Column] = {}
        self._masks: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def of(cls, run: Run, name: str) -> "Items":
        """Read the items of a run."""
        catalogue = Catalogue(run, name, lambda _: None)
        plan = run.prepared.plan
        table = run.prepared.every(name) if name in plan.ids else pa.table({})
        features = {full.partition(".")[2]: f for full, f in run.recipe.features.items() if full.startswith(f"{name}.")}
        separators = {c: f.separator for c, f in features.items() if isinstance(f, Category) and f.separator}
        ids = [catalogue.id(row) for row in range(1, catalogue.rows + 1)]
        return cls(name, table, ids, catalogue.titles.to_pylist(), separators)

    def grown(self, rows: pa.Table, id_column: str) -> "Items":
        """Return the same with rows behind; a column that these do not have is empty for them."""
        columns = [
            rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(len(rows), field.type)
            for field in self.table.schema
        ]
        table = pa.concat_tables([self.table, pa.table(columns, schema=self.table.schema)])
        ids = [str(value) for value in rows[id_column].to_pylist()]
        named = next((c for c in ("title", "name", "label", "headline") if c in rows.column_names), None)
        titles = ids if named is None else [str(t or i) for t, i in zip(rows[named].to_pylist(), ids, strict=True)]
        return Items(self.name, table, ids, titles, self._separators, self)

    def strangers(self, ids: Iterable[str]) -> list[str]:
        """Return those of some ids that are no item, each once."""
        return [name for name in dict.fromkeys(ids) if name not in self.row_of]

    def came(self, name: str) -> dict[str, object] | None:
        """Return what is known of an item behind the first state, with `id` and `title`; None where it is none of them."""
        row = self.row_of.get(name, 0)
        return self._told(row) if row > self.given else None

    def since(self, words: str, count: int) -> list[dict[str, object]]:
        """Return what is known of items behind the first state that hold a text, the newest first.

        Args:
            words: the text, in any case.
            count: how many at most.
        """
        every = (self._told(row) for row in range(self.rows, self.given, -1))
        wanted = words.casefold()
        return list(islice((told for told in every if any(wanted in str(v).casefold() for v in told.values())), count))

    def continues(self, other: "Items") -> bool:
        """Tell whether these are the items of another state, with some behind them or none."""
        return self.origin is other.origin and self.rows >= other.rows

    def column(self, name: str) -> Column:
        """Return a column to choose by.

        Raises:
            RecipeError: there is no such column.
        """
        if name not in self.table.column_names:
            known = list(self.table.column_names)
            raise RecipeError(
                f"Items are chosen by the columns of `{self.name}`: {known}. Found `{name}`.{nearest(name, known)}"
            )
        with self._lock:
            if name not in self._columns:
                self._columns[name] = Column(name, self.table[name], self._separators.get(name))
            return self._columns[name]

    def fitting(self, filters: Mapping[str, Condition]) -> Bool[Tensor, " N"] | None:
        """Return which items meet all conditions; None where there are none.

        Raises:
            RecipeError: there is no such column, or a number is compared with a word.
        """
        found: Tensor | None = None
        for name, condition in filters.items():
            mask = self._mask(name, condition)
            found = mask if found is None else found & mask
        return found

    def grouped(self) -> list[str]:
        """Name the columns whose words are few enough to tell groups of items: categories, the recipe's own first."""
        found = []
        for name in self.table.column_names:
            kind = self.table.schema.field(name).type
            if name in self._separators or pa.types.is_list(kind) or pa.types.is_string(kind) or pa.types.is_boolean(kind):
                words = len(self.column(name).names)
                if 1 < words <= max(20, min(1_000, self.rows // 5)):
                    found.append(name)
        return found

    def _told(self, row: int) -> dict[str, object]:
        values = self.table.slice(row - 1, 1).to_pylist() if row <= self.table.num_rows else []
        return {**(values[0] if values else {}), "id": self.ids[row], "title": self.titles[row]}

    def _mask(self, name: str, condition: Condition) -> Tensor:
        key = f"{name}\0{condition!r}"
        with self._lock:
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        column = self.column(name)
        if isinstance(condition, Range):
            mask = column.between(condition)
        else:
            mask = column.equal(condition if isinstance(condition, list) else [condition])
        mask[0] = False
        with self._lock:
            self._masks[key] = mask
            while len(self._masks) > _KEPT:
                self._masks.popitem(last=False)
        return mask
