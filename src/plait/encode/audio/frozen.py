"""Sounds to vectors with a pretrained model, once, for preparation to keep."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Float16
from torch import Tensor, nn

from plait.encode.audio.settings import Audio
from plait.encode.pretrained.find import find_model, fingerprint, read_json
from plait.encode.pretrained.precision import halves, has_bfloat16
from plait.encode.pretrained.quiet import quiet
from plait.errors import RecipeError

__all__ = ["FrozenAudio"]

_KEY: Final = "model.audio.model"
_RATE: Final = 16_000
_SHORTEST: Final = 0.25

Extract = Callable[..., Mapping[str, Tensor]]


@final
class FrozenAudio:
    """Encode sounds with a pretrained model of transformers: the mean of its last states.

    Sounds are read one at a time, so that a vector does not depend on what stands beside it: many such models cannot tell
    padding from silence. Of a model that also writes (Whisper), only the half that listens is run.

    Args:
        settings: which model, and how much of a sound is read.

    Attributes:
        rate: samples per second the model reads.
        seconds: how much of a sound is read.
        fingerprint: changes when the weights or the reading of sounds change; keys the cache.

    Raises:
        RecipeError: the model is nowhere to be found.
    """

    def __init__(self, settings: Audio.Settings) -> None:
        self.folder: Path = find_model(settings.model, _KEY)
        stated = read_json(self.folder / "preprocessor_config.json").get("sampling_rate")
        self.rate = stated if isinstance(stated, int) else _RATE
        self.seconds = settings.seconds
        self.shape: list[int] = []
        self.fingerprint = fingerprint(self.folder, f"audio:{self.rate}:{self.seconds}", _KEY)
        self._loaded: tuple[nn.Module, Extract, str] | None = None
        self._dim = 0

    @property
    def dim(self) -> int:
        """Length of a vector."""
        if self._dim == 0:
            self._dim = len(self._encode(np.zeros(self.rate, np.float32)))
        return self._dim

    def __call__(self, sounds: Sequence[np.ndarray]) -> Float16[np.ndarray, "n dim"]:
        """Encode sounds, float32 samples at `rate`."""
        if not sounds:
            return np.zeros((0, self.dim), np.float16)
        return np.stack([self._encode(sound) for sound in sounds])

    @torch.inference_mode()
    def _encode(self, sound: np.ndarray) -> Float16[np.ndarray, " dim"]:
        model, extract, name = self._load()
        missing = max(0, int(_SHORTEST * self.rate) - len(sound))
        asked = extract(np.pad(sound, (0, missing)), sampling_rate=self.rate, return_tensors="pt")
        device = next(model.parameters()).device
        read = asked[name].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            states = model(read).last_hidden_state
        return halves(states[0].float().mean(0))

    def _load(self) -> "tuple[nn.Module, Extract, str]":
        if self._loaded is None:
            from safetensors import SafetensorError
            from transformers import AutoFeatureExtractor, AutoModel

            try:
                with quiet():
                    model = AutoModel.from_pretrained(self.folder, local_files_only=True)
                    extractor = AutoFeatureExtractor.from_pretrained(self.folder, local_files_only=True)  # type: ignore[no-untyped-call]
            except (OSError, ValueError, SafetensorError) as error:
                raise RecipeError(
                    f"`{_KEY}` should be `cnn`, or a model of sounds with weights and preprocessor_config.json. The one in "
                    f"`{self.folder}` cannot be read: {' '.join(str(error).split())}. Download it again or choose another."
                ) from error
            body: nn.Module = model.get_encoder() if model.config.is_encoder_decoder else model
            body.eval().requires_grad_(False).to("cuda" if torch.cuda.is_available() else "cpu")
            self._loaded = body, extractor, str(extractor.model_input_names[0])
        return self._loaded
