"""Exact search: against a plain sort, with exclusions, ties and odd sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.errors import RecipeError
from plait.retrieve import Exact


def oracle(places: np.ndarray, query: np.ndarray, count: int, excluded: set[int]) -> list[int]:
    scores = places @ query
    rows = [row for row in range(1, len(places)) if row not in excluded]
    rows.sort(key=lambda row: (-scores[row], row))
    return (rows + [0] * count)[:count]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 40),
    batch=st.integers(1, 4),
    count=st.integers(1, 12),
    chunk=st.sampled_from([1, 3, 7, 1000]),
    seed=st.integers(0, 10_000),
)
def test_it_equals_a_plain_sort(rows: int, batch: int, count: int, chunk: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Whole numbers make ties common and sums exact.
    places = random.integers(-2, 3, (rows + 1, 3)).astype(np.float32)
    queries = random.integers(-2, 3, (batch, 3)).astype(np.float32)
    excluded = [random.choice(rows + 1, size=random.integers(0, rows + 1), replace=False) for _ in range(batch)]
    found = Exact(torch.from_numpy(places), chunk).top(
        torch.from_numpy(queries), count, [torch.from_numpy(part.astype(np.int64)) for part in excluded]
    )
    for i in range(batch):
        assert found.rows[i].tolist() == oracle(places, queries[i], count, {int(row) for row in excluded[i]})
        shown = found.rows[i] > 0
        assert torch.equal(
            found.scores[i][shown], torch.from_numpy(places)[found.rows[i][shown]] @ torch.from_numpy(queries[i])
        )
        assert bool((found.scores[i][~shown] == -torch.inf).all())


def test_every_row_finds_itself() -> None:
    places = torch.nn.functional.normalize(torch.randn(501, 16, generator=torch.Generator().manual_seed(3)), dim=1)
    found = Exact(places, chunk=64).top(places[1:], 1)
    assert found.rows[:, 0].tolist() == list(range(1, 501))


def test_a_query_is_answered_the_same_alone_and_among_others() -> None:
    draw = torch.Generator().manual_seed(5)
    places, queries = torch.randn(300, 8, generator=draw), torch.randn(9, 8, generator=draw)
    search = Exact(places, chunk=50)
    together = search.top(queries, 10).rows
    for i in range(9):
        assert torch.equal(search.top(queries[i : i + 1], 10).rows[0], together[i])


def test_a_place_that_is_not_finite_is_never_found() -> None:
    places = torch.eye(4)
    places[2] = torch.nan
    found = Exact(places).top(torch.ones(1, 4), 3)
    assert found.rows.tolist() == [[1, 3, 0]]


def test_row_zero_is_never_found() -> None:
    places = torch.zeros(3, 2)
    places[0] = 100.0
    assert 0 not in Exact(places).top(torch.ones(1, 2), 2).rows


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.top(torch.ones(1, 3), 1), r"`queries` should have shape \(B, 2\).*Found \(1, 3\)"),
        (lambda s: s.top(torch.ones(1, 2), 0), r"`count` should be at least 1\. Found 0"),
        (lambda s: s.top(torch.ones(2, 2), 1, [torch.tensor([1])]), "one entry for each of the 2 queries. Found 1"),
    ],
)
def test_what_cannot_be_is_refused(call: object, words: str) -> None:
    assert callable(call)
    with pytest.raises(RecipeError, match=words):
        call(Exact(torch.ones(3, 2)))


def test_a_chunk_of_nothing_is_refused() -> None:
    with pytest.raises(RecipeError, match="`chunk` should be at least 1"):
        Exact(torch.ones(3, 2), chunk=0)


def test_equal_scores_of_either_sign_stand_in_the_order_of_rows() -> None:
    places = torch.tensor([[9.0], [-1.0], [0.0], [-0.0], [2.0], [-1.0], [2.0], [0.0], [-3.0]])
    for chunk in (2, 3, 100):
        found = Exact(places, chunk).top(torch.ones(1, 1), 8)
        assert found.rows[0].tolist() == [4, 6, 2, 3, 7, 1, 5, 8]
