"""The network of spectrograms: shapes, sounds that are none, and that it learns pitch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plait.encode.audio.log_mel import LogMel
from plait.encode.audio.network import SoundEncoder
from plait.encode.audio.settings import Audio
from support.tones import tone


@pytest.mark.parametrize("shape", [[64, 250], [9, 1], [16, 33]])
def test_shapes(shape: list[int]) -> None:
    torch.manual_seed(0)
    encoder = SoundEncoder(shape, 12)
    for count in (0, 1, 3):
        assert encoder(torch.randn(count, *shape).half()).shape == (count, 12)


def test_no_sound_is_zero_and_gives_no_gradient_from_padding() -> None:
    torch.manual_seed(0)
    encoder = SoundEncoder([16, 40], 12)
    sounds = torch.randn(3, 16, 40)
    sounds[1] = 0
    sounds[2, :, 20:] = 0
    found = encoder(sounds)
    assert (found[1] == 0).all()
    assert found[2].any()
    torch.testing.assert_close(encoder(sounds[:1]), found[:1])
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


def test_it_learns_pitch() -> None:
    random = np.random.default_rng(1)
    torch.manual_seed(1)
    mel = LogMel(Audio.Settings(seconds=0.4, mels=32, hop=40))
    pitches = np.exp(random.uniform(np.log(200), np.log(2000), 160))
    read = torch.from_numpy(mel([tone(p, random.uniform(0.2, 0.4), loud=random.uniform(0.05, 0.5)) for p in pitches]))
    high = torch.tensor(pitches > 640).float()
    encoder, head = SoundEncoder(mel.shape, 16), torch.nn.Linear(16, 1)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 3e-3)
    sounds = read.view(-1, *mel.shape)
    for _ in range(25):
        optimiser.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(head(encoder(sounds[:120]))[:, 0], high[:120]).backward()
        optimiser.step()
    right = (head(encoder(sounds[120:]))[:, 0] > 0) == (high[120:] > 0)
    assert right.float().mean() > 0.9
