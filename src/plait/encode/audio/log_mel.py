"""Sounds to log-mel spectrograms, once, for preparation to keep."""

from collections.abc import Sequence
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

from plait.encode.audio.settings import Audio

__all__ = ["LogMel", "mel_bands"]

_RATE: Final = 16_000
_WINDOW: Final = 400
_FLOOR: Final = 1e-10
_RANGE: Final = 8.0
_STEP: Final = 200 / 3
_BEND: Final = 1000.0
_LOG_STEP: Final = np.log(6.4) / 27


def mel_bands(bands: int, bins: int = _WINDOW // 2 + 1, rate: int = _RATE) -> Float[Tensor, "bins bands"]:
    r"""Make the triangles that sum a spectrum into mel bands, each of unit area.

    The mel scale is Slaney's: :math:`m = 3 f / 200` below 1,000 Hz, above it :math:`15 + 27 \ln(f / 1000) / \ln 6.4`. Band b
    rises from :math:`f_{b-1}` to :math:`f_b` and falls to :math:`f_{b+1}`, the f evenly spaced in mel, and is weighed with
    :math:`2 / (f_{b+1} - f_{b-1})`.

    Args:
        bands: how many.
        bins: of the spectrum, from 0 to half the rate.
        rate: samples per second.
    """
    top = _BEND / _STEP + np.log(rate / 2 / _BEND) / _LOG_STEP
    mel = np.linspace(0, top, bands + 2)
    edges = np.where(mel < _BEND / _STEP, mel * _STEP, _BEND * np.exp(_LOG_STEP * (mel - _BEND / _STEP)))
    at = np.linspace(0, rate / 2, bins)[:, None]
    rising = (at - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - at) / np.diff(edges)[1:]
    return torch.from_numpy(np.clip(np.minimum(rising, falling), 0, None) * 2 / (edges[2:] - edges[:-2])).float()


@final
class LogMel:
    r"""Turn sounds into log-mel spectrograms as Whisper reads them.

        x = log10 max(mel power, 1e-10),    kept = (max(x, max x - 8) + 4) / 4

    with the power spectrum of windows of 25 ms (Hann), in `mels` bands, a column every `hop` ms; the maximum is over the
    sound. Columns after the sound's end are exactly zero, so that a reader can tell them from silence, which is not.

    Args:
        settings: seconds, bands, hop.

    Attributes:
        dim: bands times columns.
        shape: bands and columns.
        fingerprint: changes with the settings.
        rate: samples per second.
        seconds: how much of a sound is read.

    References:
        Stevens, Volkmann, Newman: A Scale for the Measurement of the Psychological Magnitude Pitch, JASA 1937; Radford et
        al.: Robust Speech Recognition via Large-Scale Weak Supervision, ICML 2023, https://arxiv.org/abs/2212.04356.
    """

    def __init__(self, settings: Audio.Settings) -> None:
        self.rate, self.seconds = _RATE, settings.seconds
        self.hop = _RATE * settings.hop // 1000
        self.columns = max(1, int(settings.seconds * _RATE) // self.hop)
        self.shape = [settings.mels, self.columns]
        self.dim = settings.mels * self.columns
        self.fingerprint = f"log-mel:{settings.mels}:{self.hop}:{self.columns}"
        self.window = torch.hann_window(_WINDOW)
        self.bands = mel_bands(settings.mels)

    @torch.inference_mode()
    def __call__(self, sounds: Sequence[np.ndarray]) -> Float16[np.ndarray, "n dim"]:
        """Compute the spectrograms of sounds, float32 samples at `rate`."""
        if not sounds:
            return np.zeros((0, self.dim), np.float16)
        # All of one length, so that a spectrogram does not depend on what it is computed with.
        most = max(self.columns * self.hop, _WINDOW)
        waves = torch.zeros(len(sounds), most)
        lengths = torch.tensor([min(len(sound), most) for sound in sounds])
        for wave, sound in zip(waves, sounds, strict=True):
            wave[: min(len(sound), most)] = torch.from_numpy(np.ascontiguousarray(sound[:most]))
        found = self.spectrograms(waves)
        heard = torch.arange(self.columns) < (lengths // self.hop).clamp(min=1)[:, None]
        kept: np.ndarray = (found * heard[:, None]).half().flatten(1).numpy()
        return kept

    def spectrograms(self, waves: Float[Tensor, "n samples"]) -> Float[Tensor, "n mels columns"]:
        """Compute the spectrograms of waves that fill all columns."""
        spectrum = torch.stft(waves, _WINDOW, self.hop, window=self.window, return_complex=True)
        power = spectrum[:, :, : self.columns].abs().square()
        loud = (power.transpose(1, 2) @ self.bands).transpose(1, 2).clamp(min=_FLOOR).log10()
        return (torch.maximum(loud, loud.amax((1, 2), keepdim=True) - _RANGE) + 4) / 4
