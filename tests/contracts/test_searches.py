"""All searches pass the contract; in cells, how near they come to exact search, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from plait.testing import SearchContract

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from plait.retrieve import Search

faiss = pytest.importorskip("faiss", reason="faiss is an extra")


class TestExact(SearchContract):
    def made(self, places: Tensor) -> Search:
        from plait.retrieve import Exact

        return Exact(places, chunk=64)


class TestRefined(SearchContract):
    def made(self, places: Tensor) -> Search:
        from plait.retrieve import Refined

        return Refined(places)


class TestCells(SearchContract):
    recall = 0.9

    def made(self, places: Tensor) -> Search:
        from plait.retrieve import Cells

        return Cells(places, probes=12)


class TestGrowing(SearchContract):
    def made(self, places: Tensor) -> Search:
        from plait.retrieve import Exact, Growing

        half = len(places) // 2 + 1
        return Growing(Exact(places[:half]), places[half : half + 1]).grown(places[half + 1 :])


class TestGrowingCells(SearchContract):
    recall = 0.9

    def made(self, places: Tensor) -> Search:
        from plait.retrieve import Cells, Growing

        half = len(places) // 2 + 1
        return Growing(Cells(places[:half], probes=12), places[half:])


def _clustered(rows: int, width: int = 16) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    middles = torch.randn(100, width, generator=draw)
    chosen = torch.randint(100, (rows + 1,), generator=draw)
    return middles[chosen] + 0.4 * torch.randn(rows + 1, width, generator=draw)


def test_cells_come_near_exact_search() -> None:
    from plait.retrieve import Cells, Exact

    places = _clustered(20_000)
    queries = _clustered(200)[1:] + 0.1
    near, right = Cells(places).top(queries, 10).rows, Exact(places).top(queries, 10).rows
    hits = sum(len(set(a) & set(b)) for a, b in zip(near.tolist(), right.tolist(), strict=True))
    assert hits / right.numel() >= 0.95


def test_a_filter_that_the_nearest_cells_do_not_hold_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    from plait.retrieve import Cells, Exact, ivf

    monkeypatch.setattr(ivf, "_FEW", 0)
    places = _clustered(5_000)
    query = places[3:4]
    far = (places @ query[0]).argsort()[:50]
    allowed = torch.zeros(5_001, dtype=torch.bool)
    allowed[far] = True
    allowed[0] = False
    found = Cells(places, probes=2).top(query, 5, [far[:3]], allowed)
    assert torch.equal(found.rows, Exact(places).top(query, 5, [far[:3]], allowed).rows)


def test_an_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    from plait.errors import CorruptError
    from plait.retrieve import Cells

    places = _clustered(2_000)
    built = Cells(places)
    built.save(tmp_path / "cells.safetensors")
    again = Cells.load(tmp_path / "cells.safetensors", places)
    assert torch.equal(again.top(places[1:50], 7).rows, built.top(places[1:50], 7).rows)
    with pytest.raises(CorruptError, match="should be the index of these 2000 places, unaltered"):
        Cells.load(tmp_path / "cells.safetensors", places + 1)
    raw = bytearray((tmp_path / "cells.safetensors").read_bytes())
    raw[-5] ^= 1
    (tmp_path / "altered.safetensors").write_bytes(raw)
    with pytest.raises(CorruptError, match="unaltered"):
        Cells.load(tmp_path / "altered.safetensors", places)
    (tmp_path / "short.safetensors").write_bytes(raw[:100])
    with pytest.raises(CorruptError, match="should be an index of cells"):
        Cells.load(tmp_path / "short.safetensors", places)


def test_an_index_that_lost_a_row_is_refused() -> None:
    from plait.errors import CorruptError
    from plait.retrieve import Cells

    built = Cells(_clustered(500))
    built._index.reset()
    with pytest.raises(CorruptError, match="should find itself. Found 500 of 500"):
        built._check_all(faiss)


def test_the_size_chooses_and_new_rows_need_no_new_index() -> None:
    from plait.retrieve import Exact, Growing, Refined, choose, worn

    places = _clustered(1_000)
    assert isinstance(choose(places), Exact)
    middle = choose(_clustered(20_500))
    assert isinstance(middle, Growing) and isinstance(middle._index, Refined)
    first = choose(places, most=100)
    assert isinstance(first, Growing) and first.tail == 0
    more = torch.cat([places, places[5:6] * 3])
    second = choose(more, first, most=100)
    assert isinstance(second, Growing) and second.tail == 1 and second._index is first._index
    assert second.top(more[-1:], 1).rows.tolist() == [[1_001]]
    assert not worn(second)
    twice = torch.cat([more, places[1:]])
    third = choose(twice, second, most=100)
    assert isinstance(third, Growing) and third._index is first._index and worn(third)
    anew = choose(twice, most=100)
    assert isinstance(anew, Growing) and anew.tail == 0 and not worn(anew)
    assert not worn(None) and not worn(choose(places))
    with pytest.raises(ValueError, match="`later` should have shape"):
        Growing(first, torch.ones(2, 3))


def test_cells_that_cannot_be_are_refused() -> None:
    from plait.retrieve import Cells

    with pytest.raises(ValueError, match="`cells` should be between 1 and the number of rows"):
        Cells(_clustered(5), cells=9)
