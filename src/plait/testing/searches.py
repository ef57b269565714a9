"""What every search must do."""

# ruff: noqa: D102  # The names of the tests are sentences.

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from plait.retrieve import Search

__all__ = ["SearchContract"]


class SearchContract(ABC):
    """What every search among places must do, tried on places that differ.

    Attributes:
        recall: the least share of the true best that it finds.
    """

    recall: float = 1.0

    @abstractmethod
    def made(self, places: Float[Tensor, "N R"]) -> Search:
        """Return the search under test over some places, the first of which is nobody's."""

    def test_every_row_finds_itself(self) -> None:
        places = torch.nn.functional.normalize(_drawn(400, 8), dim=1)
        found = self.made(places).top(places[1:], 1)
        assert found.rows[:, 0].tolist() == list(range(1, 401))

    def test_the_best_are_found_in_order(self) -> None:
        places, queries = _drawn(600, 8), _drawn(20, 8)
        found = self.made(places).top(queries, 10)
        right = (queries @ places[1:].T).topk(10).indices + 1
        hits = [len(set(a) & set(b)) for a, b in zip(found.rows.tolist(), right.tolist(), strict=True)]
        assert sum(hits) >= self.recall * 10 * len(queries)
        assert bool((found.scores[:, :-1] >= found.scores[:, 1:]).all())
        own = (places[found.rows] * queries[:, None]).sum(-1)
        torch.testing.assert_close(found.scores, own, atol=1e-4, rtol=1e-4)

    def test_row_zero_and_places_that_are_not_finite_are_never_found(self) -> None:
        places = _drawn(50, 4)
        places[0], places[7], places[9] = 100.0, torch.nan, torch.inf
        rows = self.made(places).top(torch.ones(1, 4), 60).rows[0].tolist()
        assert sorted(row for row in rows if row) == [row for row in range(1, 51) if row not in (7, 9)]
        assert rows[48:] == [0] * 12

    def test_what_is_excluded_is_not_found(self) -> None:
        places, queries = _drawn(300, 8), _drawn(4, 8)
        search = self.made(places)
        best = search.top(queries, 5).rows
        found = search.top(queries, 5, list(best))
        for rows, out in zip(found.rows.tolist(), best.tolist(), strict=True):
            assert 0 not in rows and not set(rows) & set(out)

    def test_a_heavy_filter_costs_no_answer(self) -> None:
        places, queries = _drawn(500, 8), _drawn(5, 8)
        search = self.made(places)
        for kept in (1, 3, 40, 450):
            allowed = torch.zeros(501, dtype=torch.bool)
            allowed[torch.randperm(500, generator=torch.Generator().manual_seed(kept))[:kept] + 1] = True
            allowed[0] = True
            found = search.top(queries, 5, [torch.tensor([], dtype=torch.int64)] * 6, allowed)
            scores = (queries @ places.T).masked_fill(~allowed, -torch.inf)
            scores[:, 0] = -torch.inf
            right = scores.topk(min(5, kept)).indices
            for rows, true in zip(found.rows.tolist(), right.tolist(), strict=True):
                real = [row for row in rows if row]
                assert len(real) == len(true) and all(allowed[row] for row in real)
                assert kept > 40 or real == true

    def test_nothing_to_find_is_an_answer(self) -> None:
        for rows in (0, 1):
            found = self.made(_drawn(rows, 4)).top(torch.ones(2, 4), 3)
            assert found.rows.tolist() == [[rows, 0, 0]] * 2
            assert bool((found.scores[:, rows:] == -torch.inf).all())
        none = self.made(_drawn(5, 4)).top(torch.empty(0, 4), 3)
        assert none.rows.shape == (0, 3)
        nobody = torch.zeros(6, dtype=torch.bool)
        assert self.made(_drawn(5, 4)).top(torch.ones(1, 4), 2, None, nobody).rows.tolist() == [[0, 0]]

    def test_questions_that_do_not_fit_are_refused(self) -> None:
        search = self.made(_drawn(5, 4))
        one = torch.ones(1, 4)
        calls: tuple[tuple[Callable[[], object], str], ...] = (
            (lambda: search.top(torch.ones(1, 3), 1), "`queries` should have shape"),
            (lambda: search.top(one, 0), "`count` should be at least 1"),
            (lambda: search.top(one, 1, []), "`excluded` should have one entry"),
            (lambda: search.top(one, 1, None, torch.ones(3, dtype=torch.bool)), "`allowed` should have one entry"),
        )
        for call, words in calls:
            try:
                call()
            except ValueError as error:
                assert words in str(error)
            else:
                raise AssertionError(f"{words} should be refused")


def _drawn(rows: int, width: int) -> Tensor:
    return torch.randn(rows + 1, width, generator=torch.Generator().manual_seed(rows + width))
