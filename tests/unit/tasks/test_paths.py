"""The likeliest tags, and phrases read off them."""

from itertools import product

import pytest
import torch

from plait.tasks.paths import best_path, phrases


def test_an_inner_tag_needs_a_first_one() -> None:
    # Alone, every token would be inner; the best way to have that is to begin with a first one.
    scores = torch.tensor([[0.2, 0.1, 0.7]] * 3).log()
    assert best_path(scores, torch.zeros(3, dtype=torch.int64)).tolist() == [1, 2, 2]
    scores = torch.tensor([[0.90, 0.01, 0.09], [0.30, 0.10, 0.60]]).log()
    assert best_path(scores, torch.zeros(2, dtype=torch.int64)).tolist() == [0, 0]


def test_as_trying_every_sequence() -> None:
    torch.manual_seed(2)
    lengths = [1, 4, 6, 2]
    whose = torch.repeat_interleave(torch.tensor([0, 2, 3, 7]), torch.tensor(lengths))
    scores = torch.log_softmax(2 * torch.randn(len(whose), 3), dim=1)
    expected = []
    start = 0
    for length in lengths:
        part = scores[start : start + length]
        fits = [
            tags
            for tags in product(range(3), repeat=length)
            if all(now != 2 or before != 0 for before, now in zip((0, *tags), tags, strict=False))
        ]
        expected += max(fits, key=lambda tags: sum(float(part[i, tag]) for i, tag in enumerate(tags)))
        start += length
    assert best_path(scores, whose).tolist() == list(expected)


def test_no_token() -> None:
    none = torch.empty(0, dtype=torch.int64)
    assert best_path(torch.empty(0, 3), none).tolist() == []
    assert phrases(torch.empty(0, 3), none, none, none, 2).shape == (2, 0)


def test_phrases_by_hand() -> None:
    chance = torch.tensor([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.7, 0.1, 0.2], [0.2, 0.5, 0.3], [0.4, 0.5, 0.1]])
    whose = torch.tensor([0, 0, 0, 2, 2])
    found = phrases(chance.log(), torch.tensor([1, 2, 0, 1, 1]), whose, torch.tensor([1, 2, 3, 1, 2]), 3)
    assert found.shape == (3, 6)
    assert found[1].tolist() == [-1] * 6
    assert found[0].tolist() == pytest.approx([1, 2, 0.8 * 0.6 * 0.8, -1, -1, -1])
    assert found[2].tolist() == pytest.approx([1, 1, 0.5 * 0.9, 2, 2, 0.5])
