"""The settings of how sounds are read. Pydantic only, no torch, so that a recipe is read in no time."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field

from plait import schema

__all__ = ["CNN", "Audio"]

CNN: Literal["cnn"] = "cnn"


@final
class Audio:
    """The reading of sounds; it only names its settings, as every part does."""

    @final
    class Settings(schema.Settings):
        """How sounds are read."""

        model: str = CNN
        """`cnn`: a small network that trains with the tasks on log-mel spectrograms; or a pretrained model of transformers,
        a local folder or a Hugging Face name, which stays as it is."""
        seconds: float = Field(default=5.0, gt=0, le=600)
        """How much of a sound is read, from its start."""
        mels: int = Field(default=64, ge=8, le=256)
        """For `cnn`: bands of the spectrogram, between 0 and 8,000 Hz, as ears space them."""
        hop: int = Field(default=20, ge=5, le=100)
        """For `cnn`: milliseconds from one column of the spectrogram to the next."""
        width: int = Field(default=128, ge=1)
        """For `cnn`: length of the vector it makes of a sound."""
