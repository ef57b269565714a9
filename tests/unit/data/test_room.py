"""Tensors that grow at their end: the same rows as if they were joined, seldom copied, and nobody's view changes."""

from __future__ import annotations

import torch

from plait.data.room import Room


def test_rows_are_laid_behind_and_older_views_stay() -> None:
    room, draw = Room(), torch.Generator().manual_seed(0)
    joined = found = torch.rand(40, 3, generator=draw)
    seen = []
    for count in (1, 5, 0, 30, 2):
        more = torch.rand(count, 3, generator=draw)
        seen.append((found, joined))
        joined, found = torch.cat([joined, more]), room.behind("a", found, more)
        assert torch.equal(found, joined)
    assert all(torch.equal(*pair) for pair in seen)


def test_rows_before_are_copied_a_few_times_only() -> None:
    room, found = Room(), torch.zeros(1_000, 2, dtype=torch.float16)
    places = set()
    for _ in range(1_000):
        found = room.behind("a", found, torch.ones(1, 2, dtype=torch.float16))
        places.add(found.data_ptr())
    assert len(found) == 2_000 and len(places) <= 5


def test_growing_again_from_a_state_before_changes_nobody_else() -> None:
    """An addition failed after this tensor had grown, and the next begins where it began."""
    room, start = Room(), torch.zeros(10)
    before = room.behind("a", start, torch.ones(1))
    lost = room.behind("a", before, torch.full((1,), 2.0))
    again = room.behind("a", before, torch.full((1,), 3.0))
    assert lost[-1] == 2 and again[-1] == 3
    assert torch.equal(again[:-1], before) and torch.equal(lost[:-1], before)
    other = room.behind("b", before, torch.full((1,), 4.0))
    assert other[-1] == 4 and again[-1] == 3
