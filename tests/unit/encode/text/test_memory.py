"""Remembered vectors are the ones given, as many as there is room for."""

from __future__ import annotations

import torch

from plait.encode.text.memory import Memory


def test_what_is_remembered() -> None:
    memory = Memory(2)
    for start in (0, 300):
        keys = torch.arange(start + 1, start + 301)
        memory.add(keys, torch.stack([keys.float(), -keys.float()], dim=1))
    keys = torch.tensor([450, 7, 450])
    assert memory.known(torch.tensor([7, 700])).tolist() == [True, False]
    assert memory.recall(keys).tolist() == [[450, -450], [7, -7], [450, -450]]
    memory.forget()
    assert len(memory) == 0
    assert not memory.known(keys).any()


def test_room_is_limited() -> None:
    memory = Memory(1, most=4 * 3)
    memory.add(torch.arange(1, 6), torch.arange(5.0)[:, None])
    memory.add(torch.arange(6, 9), torch.arange(3.0)[:, None])
    assert memory.known(torch.arange(1, 9)).tolist() == [True] * 3 + [False] * 5
