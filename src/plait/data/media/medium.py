"""A medium: how its files are decoded, and what encodes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from plait.data.media.content import Unread
from plait.data.media.pictures import ImageEncoder, decode_picture
from plait.data.media.sounds import AudioEncoder, decode_sound

__all__ = ["MediaEncoders", "Medium", "Pictures", "Sounds"]

Halves = npt.NDArray[np.float16]
Decoded = npt.NDArray[np.uint8] | npt.NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True)
class MediaEncoders:
    """What reads pictures and sounds, where a recipe has any."""

    images: ImageEncoder | None = None
    sounds: AudioEncoder | None = None

    def medium(self, kind: str) -> Medium | None:
        """Return how a kind of feature is read; None where nothing reads it."""
        if kind == "image" and self.images is not None:
            return Pictures(self.images)
        return Sounds(self.sounds) if kind == "audio" and self.sounds is not None else None


class Medium(ABC):
    """How one kind of file becomes vectors."""

    word: str
    """What one of them is called."""
    kind: str
    """The kind of feature."""
    most: int
    """Bytes of a file above which it is not read."""
    batch: int
    """How many are decoded and encoded at a time."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a vector."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """What identifies the encoder."""

    @property
    def shape(self) -> list[int]:
        """The shape of a vector, where the model reads it as more than a list of numbers."""
        return []

    @abstractmethod
    def decode(self, content: bytes) -> Decoded | Unread:
        """Decode a file."""

    @abstractmethod
    def encode(self, decoded: Sequence[Decoded]) -> Halves:
        """Encode what was decoded to float16 [files, dim]."""


@final
class Pictures(Medium):
    """Pictures through a pretrained encoder."""

    word, kind, most, batch = "picture", "image", 64 << 20, 32

    def __init__(self, encoder: ImageEncoder) -> None:
        self.encoder = encoder

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.encoder.dim

    @property
    def fingerprint(self) -> str:
        """What identifies the encoder and the way its squares are cut."""
        return f"{self.encoder.fingerprint}:{self.encoder.size}:{self.encoder.crop}"

    def decode(self, content: bytes) -> Decoded | Unread:
        """Decode a picture."""
        return decode_picture(content, self.encoder.size, self.encoder.crop)

    def encode(self, decoded: Sequence[Decoded]) -> Halves:
        """Encode pictures."""
        return self.encoder(np.stack([np.asarray(one, dtype=np.uint8) for one in decoded]))


@final
class Sounds(Medium):
    """Sounds as spectrograms, or through a pretrained encoder."""

    word, kind, most, batch = "sound", "audio", 256 << 20, 32

    def __init__(self, encoder: AudioEncoder) -> None:
        self.encoder = encoder

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.encoder.dim

    @property
    def shape(self) -> list[int]:
        """The shape of a vector, where the model reads it as more than a list of numbers."""
        return self.encoder.shape

    @property
    def fingerprint(self) -> str:
        """What identifies the encoder and how much it reads."""
        return f"{self.encoder.fingerprint}:{self.encoder.rate}:{self.encoder.seconds}"

    def decode(self, content: bytes) -> Decoded | Unread:
        """Decode a sound."""
        return decode_sound(content, self.encoder.rate, self.encoder.seconds)

    def encode(self, decoded: Sequence[Decoded]) -> Halves:
        """Encode sounds."""
        return self.encoder([np.asarray(one, dtype=np.float32) for one in decoded])
