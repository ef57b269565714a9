"""What the questions about users and items are answered from: the model, the items as they are now, what people had."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Event, Lock, Thread
from typing import Final, final

import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from plait.errors import DataError, PlaitError, RecipeError, nearest
from plait.export.bundle import Bundle
from plait.export.pairs import Seen
from plait.retrieve import Search, choose, worn
from plait.serve.ask.crew import Crew
from plait.serve.ask.events import Events
from plait.serve.ask.formula import Formula
from plait.serve.ask.items import Items
from plait.serve.ask.kept import keeping
from plait.serve.ask.stages import Limits
from plait.serve.ask.worth import Worth
from plait.serve.catalogue import Catalogue

__all__ = ["Offer", "Shop"]

_FORMULAS: Final = 128
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,18})")


@final
@dataclass(frozen=True, slots=True)
class Offer:
    """The items as they are at one moment; a question takes it once and is answered from it alone.

    Attributes:
        items: their ids, titles and columns.
        popularity: how often each item was had.
        places: where they lie in the space of the retrieval task; None without one, or where it could not be computed.
        search: finds the nearest of them.
        fault: why there is no search although there is a retrieval task.
    """

    items: Items
    popularity: Float[Tensor, " N"]
    places: Float[Tensor, "N R"] | None = None
    search: Search | None = None
    fault: str | None = None


@final
class Shop:
    """Everything that questions about users and items need.

    Args:
        bundle: the run and what scores it.
        events: what users did since; None keeps nothing.
        limits: how long each stage may take.
        depth: how many candidates are ranked.

    Attributes:
        offer: the items as they are now.
        formula: how the tasks' scores become one; None where no task puts items in order.
    """

    def __init__(self, bundle: Bundle, events: Events | None, limits: Limits, depth: int) -> None:
        self.bundle, self.run, self.backend = bundle, bundle.run, bundle.backend
        self.events, self.limits, self.depth = events, limits, depth
        self.pairing = self.backend.pairing()
        self.crew = Crew()
        self.seen = Seen(self.run, self.pairing)
        self.worth = Worth(self.run, self.backend)
        assert self.backend.shape.users is not None
        self.users = Catalogue(self.run, self.backend.shape.users, lambda _: None)
        self._read = lru_cache(_FORMULAS)(self.worth.formula)
        text = bundle.formula or self.worth.default()
        self.formula: Formula | None = None if text is None else self._read(text)
        rules = self.run.layout.rules.values()
        self.ruled = any(rule.task == self.pairing.retrieval for rule in rules)
        self._growing, self._renewing = Lock(), Event()
        self.offer = self._offer(Items.of(self.run, self.pairing.items))

    def use(self, text: str) -> Formula:
        """Put another formula in place, after it was read and tried.

        Raises:
            RecipeError: it cannot be read, or names what there is not.
        """
        formula = self._read(text)
        formula({name: torch.rand(2) for name in self.worth.names})
        self.formula = formula
        return formula

    def chosen(self, text: str | None) -> Formula | None:
        """Return the formula of a question, or the one in place."""
        return self.formula if text is None else self._read(text)

    def add(self, rows: list[dict[str, object]]) -> tuple[list[str], bool]:
        """Add items, and offer them from now on; with a store they are on its disk before they are offered.

        Returns:
            Their ids, and whether they are kept.

        Raises:
            DataError: a column is missing or holds something else, or an item is there already.
            StoreError: there is a store, and it is busy or gone; nothing was added.
        """
        table, column = self._laid(rows)
        ids = [str(value) for value in table[column].to_pylist()]
        with self._growing, keeping(self.events, self.offer.items.name, ids, rows) as kept:
            self._grow(table, column)
        return ids, kept

    def follow(self, rows: list[dict[str, object]]) -> list[str]:
        """Add those items that others were given and that are not here, and return their ids.

        Raises:
            DataError: this model reads a column that is missing or holds something else.
        """
        table, column = self._laid(rows)
        with self._growing:
            ids = [str(value) for value in table[column].to_pylist()]
            new = [name not in self.offer.items.row_of for name in ids]
            if any(new):
                self._grow(table.filter(pa.array(new)), column)
        return [name for name, one in zip(ids, new, strict=True) if one]

    def _laid(self, rows: list[dict[str, object]]) -> tuple[pa.Table, str]:
        """Lay new items in columns, and name the column of their ids."""
        items = self.offer.items
        plan = self.run.prepared.plan
        if items.name not in plan.ids:
            raise DataError(
                f"New rows are found by their id, so `{items.name}` should have an `id` in the recipe. Found none."
            )
        column = plan.id_column(items.name)
        table = _table(rows, items.table)
        if column not in table.column_names:
            raise DataError(f"New rows of `{items.name}` should have a `{column}`, by which they are found. Found none.")
        if table[column].null_count:
            raise DataError(
                f"Each new row of `{items.name}` should have a `{column}`, by which it is found. Found none in some."
            )
        return table, column

    def _grow(self, table: pa.Table, column: str) -> None:
        # The backend knows more than is offered for a moment, and never less.
        self.backend.add(table)
        self.offer = self._offer(self.offer.items.grown(table, column))
        if worn(self.offer.search) and not self._renewing.is_set():
            self._renewing.set()
            Thread(target=self._renew, name="plait-index", daemon=True).start()

    def _renew(self) -> None:
        """Build the search anew beside the one that answers, and put what came meanwhile behind it."""
        try:
            places = self.offer.places
            assert places is not None
            made = choose(places)
            with self._growing:
                offer = self.offer
                assert offer.places is not None
                self.offer = replace(offer, search=choose(offer.places, made))
        finally:
            self._renewing.clear()

    def _offer(self, items: Items) -> Offer:
        popularity = torch.zeros(items.rows + 1, dtype=torch.float64)
        known = self.seen.popularity[: len(popularity)]
        popularity[: len(known)] = known.double()
        before = self.offer.search if hasattr(self, "offer") else None
        offer = Offer(items, popularity)
        if self.pairing.retrieval is None:
            return offer
        try:
            places = self.backend.places()
            if places is None or len(places) <= items.rows:
                return replace(offer, fault="the items have no places")
            places = places[: items.rows + 1]
            return replace(offer, places=places, search=choose(places, before))
        except (PlaitError, RuntimeError, OSError) as error:
            return replace(offer, fault=str(error).splitlines()[0][:200] if str(error) else type(error).__name__)


def _array(values: list[object], kind: pa.DataType | None) -> pa.Array:
    """Lay values in a column; whole numbers may come as words, as ids do everywhere else, and are never cut."""
    if kind is None or not pa.types.is_integer(kind):
        return pa.array(values, kind)
    whole = [int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value for value in values]
    broken = next((value for value in whole if isinstance(value, float) and not value.is_integer()), None)
    if broken is not None:
        raise ValueError(f"{broken} is not whole")
    return pa.array(whole, kind)


def _table(rows: list[dict[str, object]], like: pa.Table) -> pa.Table:
    """Lay rows in columns, of the types of a table where it has them."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    known = list(like.column_names)
    strange = next((name for name in columns if known and name not in known), None)
    if strange is not None:
        raise DataError(f"New rows should have columns of the others: {known}. Found `{strange}`.{nearest(strange, known)}")
    found = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        kind = like.schema.field(name).type if name in like.column_names else None
        try:
            found[name] = _array(values, kind)
        except (pa.ArrowException, TypeError, OverflowError, ValueError) as error:
            if kind is not None and pa.types.is_string(kind):
                found[name] = pa.array([None if value is None else str(value) for value in values], kind)
                continue
            wanted = "values of one kind" if kind is None else f"{kind}, as those of the other items"
            raise DataError(f"The column `{name}` should hold {wanted}. Found: {error}.") from error
    if not columns:
        raise RecipeError("New rows should have columns. Found none.")
    return pa.table(found)
