"""Sounds of any format → one channel at an encoder's rate, no longer than it reads."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from math import gcd
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from plait.data.media.content import Unread

__all__ = ["AudioEncoder", "Wave", "decode_sound"]

Halves = npt.NDArray[np.float16]
Wave = npt.NDArray[np.float32]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_RATES: Final = (1_000, 768_000)
_CHANNELS: Final = 64
_SHORT: Final = 640
_SILENT: Final = Unread("no sound in it")


@runtime_checkable
class AudioEncoder(Protocol):
    """Reads sounds; `plait.encode.audio` has the log-mel spectrogram and pretrained models."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def shape(self) -> list[int]:
        """The shape of a vector, where the model reads it as more than a list of numbers."""

    @property
    def fingerprint(self) -> str:
        """What identifies weights and reading: equal fingerprints give equal vectors."""

    @property
    def rate(self) -> int:
        """Samples per second it reads."""

    @property
    def seconds(self) -> float:
        """How much of a sound it reads, from the start."""

    def __call__(self, sounds: Sequence[Wave]) -> Halves:
        """Encode float32 samples between -1 and 1 to float16 [sounds, dim]."""


def decode_sound(content: bytes, rate: int, seconds: float) -> Wave | Unread:
    """Read the start of a sound as one channel.

    WAV with whole numbers or floats is read here; other formats through the library soundfile, where it is installed.

    Args:
        content: a file.
        rate: samples per second of the result.
        seconds: how much is read.

    Returns:
        float32 samples, or why it cannot be read.
    """
    wave = content[:4] == b"RIFF" and content[8:12] == b"WAVE"
    read = _of_wave(content, seconds) if wave else None
    found = _of_library(content, seconds) if read is None else read
    if isinstance(found, Unread):
        return found
    samples, own = found
    if not _RATES[0] <= own <= _RATES[1] or not 1 <= samples.shape[1] <= _CHANNELS:
        return Unread("damaged", f"{samples.shape[1]} channels at {own} samples per second")
    if samples.shape[0] == 0:
        return _SILENT
    mono = np.nan_to_num(samples.mean(1), nan=0.0, posinf=0.0, neginf=0.0)
    if own != rate:
        mono = _resampled(mono, own, rate)
    wave_form: Wave = np.ascontiguousarray(mono[: max(1, round(rate * seconds))], dtype=np.float32)
    return wave_form


def _resampled(samples: Wave, own: int, rate: int) -> Wave:
    """Change the rate: by a short filter where the rates share a large factor, else through the spectrum."""
    from scipy.signal import resample, resample_poly

    shared = gcd(own, rate)
    up, down = rate // shared, own // shared
    if max(up, down) <= _SHORT:
        return np.asarray(resample_poly(samples, up, down), dtype=np.float32)
    return np.asarray(resample(samples, max(1, round(len(samples) * rate / own))), dtype=np.float32)


def _of_wave(content: bytes, seconds: float) -> tuple[Wave, int] | Unread | None:
    """Read a WAV file; None where its samples are written in a way that is not known here."""
    place, about = 12, b""
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        if name == b"fmt ":
            about = content[place + 8 : place + 8 + size]
        elif name == b"data":
            return _samples(about, memoryview(content)[place + 8 : place + 8 + size], seconds)
        place += 8 + size + size % 2
    return Unread("damaged", "no samples")


def _samples(about: bytes, data: memoryview, seconds: float) -> tuple[Wave, int] | Unread | None:
    if len(about) < 16:
        return Unread("damaged", "no format")
    form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", about)
    if form == _EXTENSIBLE and len(about) >= 26:
        form = struct.unpack_from("<H", about, 24)[0]
    size = bits // 8
    if (form, bits) not in ((_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)):
        return None
    if not 1 <= channels <= _CHANNELS:
        return Unread("damaged", f"{channels} channels")
    # A little more than is read, so that resampling sees no edge.
    frames = min(len(data) // (size * channels), int((seconds + 0.1) * rate) + 1)
    part = data[: frames * size * channels]
    if form == _FLOAT:
        found = np.frombuffer(part, f"<f{size}").astype(np.float32)
    elif bits == 8:
        found = (np.frombuffer(part, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    elif bits == 24:
        wide = np.zeros((frames * channels, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(part, np.uint8).reshape(-1, 3)
        found = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        found = np.frombuffer(part, f"<i{size}").astype(np.float32) / np.float32(2 ** (bits - 1))
    return found.reshape(-1, channels), rate


def _of_library(content: bytes, seconds: float) -> tuple[Wave, int] | Unread:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        return Unread("in a format that needs the package soundfile (pip install plait[audio])", str(error))
    try:
        with soundfile.SoundFile(BytesIO(content)) as opened:
            rate = int(opened.samplerate)
            frames = int((seconds + 0.1) * rate) + 1
            return opened.read(frames, dtype="float32", always_2d=True), rate
    except soundfile.LibsndfileError as error:
        known = "Format not recognised" not in str(error)
        return Unread("damaged" if known else "no sound of a known format", str(error))
    except (OSError, ValueError, RuntimeError, TypeError, MemoryError) as error:
        return Unread("damaged", str(error))
