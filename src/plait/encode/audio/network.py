"""Log-mel spectrograms to vectors, with a small convolutional network that trains with the tasks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

__all__ = ["SoundEncoder"]

_CHANNELS: Final = (1, 16, 32, 64, 64)
_GROUPS: Final = 8


@final
class SoundEncoder(nn.Module):
    """Read spectrograms with four convolutions and keep what was heard in which band, on average and at most.

    Each convolution is 3 by 3 with a stride of 2, group norm and ReLU. The bands that are left stay apart, since pitch says
    what a sound is; over time the mean and the maximum are taken of the columns that were heard. Columns of zeros were not:
    they lie after the sound's end, and a sound without any other is no sound, whose vector is zero.

    Args:
        shape: bands and columns.
        width: length of the vector.

    Shape:
        `[U, bands, columns]` -> `[U, width]`, U may be 0.

    References:
        Hershey et al.: CNN Architectures for Large-Scale Audio Classification, ICASSP 2017,
        https://arxiv.org/abs/1609.09430. There the networks are larger and pool over bands as well.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        bands = shape[0]
        layers: list[nn.Module] = []
        for channels, out in pairwise(_CHANNELS):
            layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1), nn.GroupNorm(_GROUPS, out), nn.ReLU()]
            bands = -(-bands // 2)
        self.layers = nn.Sequential(*layers)
        self.project = nn.Linear(2 * bands * _CHANNELS[-1], width)
        self.width = width

    def forward(self, sounds: Float[Tensor, "U bands columns"]) -> Float[Tensor, "U width"]:
        """Encode spectrograms; computed in float32 or under autocast, never in the storage type."""
        if sounds.shape[0] == 0:
            return self.project.weight.new_zeros(0, self.width)
        heard = (sounds != 0).any(1)
        features: Tensor = self.layers(sounds.float()[:, None]).flatten(1, 2)
        last = _heard_at(heard, features.shape[2])
        mean = (features * last[:, None]).sum(2) / last.sum(1).clamp(min=1)[:, None]
        most = (features * last[:, None]).amax(2)
        vectors: Tensor = self.project(torch.cat([mean, most], dim=1))
        return vectors * heard.any(1)[:, None]

    def __call__(self, sounds: Float[Tensor, "U bands columns"]) -> Float[Tensor, "U width"]:
        """Call `forward`; declared again so that a caller gets checked types."""
        return super().__call__(sounds)  # type: ignore[no-any-return]


def _heard_at(heard: Bool[Tensor, "U columns"], columns: int) -> Bool[Tensor, "U few"]:
    """Say which of the columns that are left stand for one that was heard."""
    step = -(-heard.shape[1] // columns)
    padded = nn.functional.pad(heard, (0, step * columns - heard.shape[1]))
    return padded.view(-1, columns, step).any(2)
