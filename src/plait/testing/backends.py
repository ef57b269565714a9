"""What every backend must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod

import pyarrow as pa
import torch

from plait.export.backend import Asker, Backend

__all__ = ["BackendContract"]


class BackendContract(ABC):
    """What every way to score users with items must do, tried on data with a few users, items and a retrieval task.

    Attributes:
        close: how far scores of the same pair may lie apart.
    """

    close: float = 1e-5

    @abstractmethod
    def made(self) -> Backend:
        """Return the backend under test; tests may add items to it."""

    @abstractmethod
    def new_items(self) -> pa.Table:
        """Return two rows of the items' table that no test has added to what `made` returns."""

    def test_one_row_for_each_item_and_a_column_for_each_name(self) -> None:
        backend = self.made()
        for items in (torch.arange(1, 5), torch.tensor([3]), torch.empty(0, dtype=torch.int64)):
            found = backend.rank(Asker(1), items)
            assert set(found) == set(backend.columns) == set(backend.pairing().tasks)
            for task, scores in found.items():
                assert scores.shape == (len(items), len(backend.columns[task]))
                assert scores.isfinite().all()

    def test_what_is_said_of_an_item_does_not_depend_on_the_others(self) -> None:
        backend = self.made()
        items = torch.arange(1, min(9, backend.items) + 1)
        every = backend.rank(Asker(2), items)
        turned = backend.rank(Asker(2), items.flip(0))
        for place, item in enumerate(items):
            alone = backend.rank(Asker(2), item[None])
            for task, scores in every.items():
                torch.testing.assert_close(alone[task][0], scores[place], atol=self.close, rtol=self.close)
        for task, scores in every.items():
            torch.testing.assert_close(turned[task].flip(0), scores, atol=self.close, rtol=self.close)

    def test_twice_the_same_item_is_twice_the_same_answer(self) -> None:
        backend = self.made()
        for scores in backend.rank(Asker(1), torch.tensor([2, 5, 2])).values():
            torch.testing.assert_close(scores[0], scores[2], atol=self.close, rtol=self.close)

    def test_somebody_unknown_is_answered(self) -> None:
        backend = self.made()
        for scores in backend.rank(Asker(), torch.tensor([1, 2])).values():
            assert scores.isfinite().all()

    def test_only_the_newest_items_count(self) -> None:
        backend = self.made()
        if backend.shape.history is None:
            return
        few = (1, 2, 3, 4) * 200
        many = (5, 6, 7) * 99 + few
        for task, scores in backend.rank(Asker(1, few), torch.tensor([1, 2])).items():
            again = backend.rank(Asker(1, many), torch.tensor([1, 2]))[task]
            torch.testing.assert_close(scores, again, atol=self.close, rtol=self.close)

    def test_what_somebody_had_changes_the_answer(self) -> None:
        backend = self.made()
        if backend.shape.history is None:
            return
        items = torch.tensor([1, 2])
        one, other = backend.rank(Asker(0, (1,)), items), backend.rank(Asker(0, (4, 2, 3)), items)
        assert any(not torch.equal(one[task], other[task]) for task in one)
        nothing, unknown = backend.rank(Asker(0, ()), items), backend.rank(Asker(0), items)
        for task, scores in nothing.items():
            torch.testing.assert_close(scores, unknown[task], atol=self.close, rtol=self.close)

    def test_queries_lie_where_the_items_lie(self) -> None:
        backend = self.made()
        places, query = backend.places(), backend.query(Asker(1))
        if backend.pairing().retrieval is None:
            assert places is None and query is None
            return
        assert places is not None and query is not None
        assert places.shape == (backend.items + 1, len(query))
        assert places.isfinite().all() and query.isfinite().all()

    def test_who_does_not_exist_is_refused(self) -> None:
        backend = self.made()
        for asker, items in (
            (Asker(backend.users + 1), [1]),
            (Asker(-1), [1]),
            (Asker(1), [backend.items + 1]),
            (Asker(1, (backend.items + 1,)), [1]),
        ):
            try:
                backend.rank(asker, torch.tensor(items))
            except ValueError as error:
                assert "should" in str(error)
            else:
                raise AssertionError(f"{asker} with {items} should be refused")

    def test_added_items_are_scored_and_change_nothing_else(self) -> None:
        backend = self.made()
        before, size = backend.rank(Asker(1), torch.tensor([1, 2, 3])), backend.items
        added = backend.add(self.new_items())
        assert added == [size + 1, size + 2]
        assert backend.items == size + 2
        for task, scores in backend.rank(Asker(1), torch.tensor([1, *added, 2, 3])).items():
            assert scores.isfinite().all()
            torch.testing.assert_close(scores[[0, 3, 4]], before[task], atol=self.close, rtol=self.close)
        places = backend.places()
        assert places is None or len(places) == size + 3
        assert all(scores.isfinite().all() for scores in backend.rank(Asker(0, (added[0], 1)), torch.tensor(added)).values())

    def test_items_come_one_by_one_or_together(self) -> None:
        """Whoever holds what was there before goes on with it."""
        backend, other, rows = self.made(), self.made(), self.new_items()
        size, before = backend.items, backend.places()
        kept = None if before is None else before.clone()
        for number in range(rows.num_rows):
            backend.add(rows.slice(number, 1))
            backend.places()
        other.add(rows)
        items = torch.arange(size - 1, size + rows.num_rows + 1)
        said, wanted = (one.rank(Asker(1, (size + 1, size)), items) for one in (backend, other))
        assert said.keys() == wanted.keys()
        for task, scores in said.items():
            torch.testing.assert_close(scores, wanted[task], atol=self.close, rtol=self.close)
        places, together = backend.places(), other.places()
        if places is None or together is None or before is None or kept is None:
            assert places is together is None
            return
        torch.testing.assert_close(places, together, atol=self.close, rtol=self.close)
        torch.testing.assert_close(before, kept, atol=0, rtol=0)

    def test_an_item_that_is_there_is_not_added(self) -> None:
        backend = self.made()
        rows = self.new_items()
        backend.add(rows)
        for again in (rows, pa.concat_tables([rows.slice(0, 1)] * 2)):
            try:
                backend.add(again)
            except ValueError as error:
                assert "there already" in str(error)
            else:
                raise AssertionError("a known id should be refused")
