"""Search by bounds finds what exact search finds, and compares few rows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.retrieve import Exact, Refined, refined


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 300),
    width=st.integers(1, 70),
    count=st.integers(1, 40),
    size=st.sampled_from([1e-20, 1e-3, 1.0, 1e6, 1e15]),
    spread=st.floats(0, 3),
    seed=st.integers(0, 10_000),
)
def test_it_finds_what_exact_search_finds(rows: int, width: int, count: int, size: float, spread: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.exp(spread * torch.randn(rows + 1, 1, generator=draw))
    places = size * lengths * torch.randn(rows + 1, width, generator=draw)
    query = torch.randn(1, width, generator=draw) * torch.exp(spread * torch.randn(1, width, generator=draw))
    out = [torch.randint(0, rows + 1, (rows // 3,), generator=draw)]
    allowed = torch.rand(rows + 1, generator=draw) < 0.8
    search, exact = Refined(places), Exact(places)
    for kept in (None, allowed):
        found, right = search.top(query, count, out, kept), exact.top(query, count, out, kept)
        torch.testing.assert_close(found.scores, right.scores, rtol=1e-4, atol=1e-4 * size)
        # Products in another order round otherwise: rows may change places where scores are equal but for that.
        apart = (right.scores[0, :-1] - right.scores[0, 1:]).abs() > 1e-4 * right.scores[0, 1:].abs()
        sure = torch.cat([torch.tensor([True]), apart]) & torch.cat([apart, torch.tensor([True])])
        assert torch.equal(found.rows[0][sure], right.rows[0][sure])


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(1, 60), count=st.integers(1, 12), seed=st.integers(0, 10_000))
def test_of_equal_scores_the_earlier_row_comes_first(rows: int, count: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    places = torch.randint(-2, 3, (rows + 1, 3), generator=draw).float()
    query = torch.randint(-2, 3, (1, 3), generator=draw).float()
    assert torch.equal(Refined(places).top(query, count).rows, Exact(places).top(query, count).rows)


def test_pieces_are_one_search(monkeypatch: pytest.MonkeyPatch) -> None:
    places = torch.randn(1_000, 16, generator=torch.Generator().manual_seed(1))
    whole = Refined(places).top(places[7:9], 20)
    monkeypatch.setattr(refined, "_PIECE", 64 * 16)
    assert torch.equal(Refined(places).top(places[7:9], 20).rows, whole.rows)


def test_few_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(2)
    places, query = torch.randn(20_001, 64, generator=draw), torch.randn(1, 64, generator=draw)
    search = Refined(places)
    compared: list[int] = []
    inner = refined.best
    monkeypatch.setattr(refined, "best", lambda scores, count: compared.append(scores.shape[1]) or inner(scores, count))
    search.top(query, 100)
    assert 100 <= compared[0] < 600


@pytest.mark.parametrize("query", [torch.zeros(1, 4), torch.full((1, 4), torch.nan), torch.tensor([[torch.inf, 0, 0, 1]])])
def test_queries_without_a_direction_are_answered_as_by_exact_search(query: torch.Tensor) -> None:
    places = torch.randn(50, 4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(Refined(places).top(query, 5).rows, Exact(places).top(query, 5).rows)


def test_no_sum_of_whole_numbers_is_cut_off() -> None:
    # The largest numbers side by side: where they were larger, processors without VNNI would cut their sums off.
    places = torch.ones(9, 64) * torch.arange(9)[:, None]
    found = Refined(places).top(torch.ones(1, 64), 8)
    assert found.rows[0].tolist() == [8, 7, 6, 5, 4, 3, 2, 1]


def test_places_that_are_the_same_stand_in_the_order_of_their_rows() -> None:
    draw = torch.Generator().manual_seed(4)
    places = torch.randn(300, 64, generator=draw)[torch.randint(0, 300, (5_001,), generator=draw)]
    search = Refined(places)
    for query in torch.randn(30, 1, 64, generator=draw):
        found = search.top(query, 50)
        same = found.scores[0, :-1] == found.scores[0, 1:]
        assert bool((found.rows[0, :-1] < found.rows[0, 1:])[same].all()) and bool(same.any())
        assert torch.equal(search.top(query, 33).rows[0], found.rows[0, :33])


def test_where_bounds_say_nothing_exact_search_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(6)
    places = torch.randn(2_000, 16, generator=draw)
    places[:, 3] += 500.0
    query = torch.randn(1, 16, generator=draw)
    search = Refined(places)
    monkeypatch.setattr(search, "_compared", None)
    assert torch.equal(search.top(query, 5).rows, Exact(places).top(query, 5).rows)


@pytest.mark.parametrize("large", [1e31, 1.7e38])
def test_a_place_too_large_for_bounds_costs_no_answer(large: float) -> None:
    places = torch.randn(200, 8, generator=torch.Generator().manual_seed(7))
    places[5] = large
    query = torch.rand(1, 8, generator=torch.Generator().manual_seed(8))
    assert torch.equal(Refined(places).top(query, 5).rows, Exact(places).top(query, 5).rows)


@pytest.mark.parametrize("size", [1e-45, 1e-40, 1e-20, 1e20])
def test_queries_of_any_size(size: float) -> None:
    places = torch.randn(200, 8, generator=torch.Generator().manual_seed(9))
    query = size * torch.randn(1, 8, generator=torch.Generator().manual_seed(10))
    assert torch.equal(Refined(places).top(query, 5).rows, Exact(places).top(query, 5).rows)


def test_rows_that_are_not_there_may_be_excluded() -> None:
    places = torch.randn(50, 4, generator=torch.Generator().manual_seed(11))
    out = [torch.tensor([0, 3, 3, 50, 900])]
    assert torch.equal(Refined(places).top(places[3:4], 5, out).rows, Exact(places).top(places[3:4], 5, out).rows)
