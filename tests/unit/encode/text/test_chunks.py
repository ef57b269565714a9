"""Passes hold texts of about one length, every text once."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from plait.encode.text.chunks import cut, pad


@given(st.lists(st.integers(0, 300), max_size=200), st.integers(1, 4096))
def test_every_text_is_in_one_pass_of_the_size_allowed(lengths: list[int], most: int) -> None:
    sizes = torch.tensor(lengths, dtype=torch.int64)
    passes = cut(sizes, most)
    assert sorted(i for some in passes for i in some.tolist()) == [i for i, n in enumerate(lengths) if n]
    for some in passes:
        longest = int(sizes[some].max())
        assert len(some) == 1 or longest * len(some) <= most


def test_little_is_padding() -> None:
    sizes = torch.randint(3, 250, (2000,), generator=torch.Generator().manual_seed(0))
    passes = cut(sizes, 4096)
    padded = sum(int(sizes[some].max()) * len(some) for some in passes)
    assert padded < 1.06 * int(sizes.sum())
    assert len(passes) < 100


def test_few_short_texts_are_one_pass() -> None:
    assert len(cut(torch.tensor([3, 9, 4, 20]), 4096)) == 1


def test_tokens_below_each_other() -> None:
    ids, seen = pad(torch.tensor([5, 6, 7, 8], dtype=torch.int32), torch.tensor([1, 0]), torch.tensor([3, 1]), 9)
    assert ids.tolist() == [[6, 7, 8], [5, 9, 9]]
    assert seen.tolist() == [[True] * 3, [True, False, False]]
