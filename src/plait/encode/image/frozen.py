"""Pictures to vectors, once, for preparation to keep."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float16, UInt8
from torch import Tensor, nn

from plait.encode.image.find import find
from plait.encode.image.network import load_network
from plait.encode.image.settings import Image
from plait.encode.pretrained.precision import halves, has_bfloat16

__all__ = ["FrozenImage"]


@final
class FrozenImage:
    """Encode pictures with a pretrained network: what its last layer says of a picture, pooled.

    Pictures run in bfloat16 where the processor multiplies it natively. Finding the network and its `fingerprint` needs
    neither torch modules nor another library; the weights are loaded when `dim` is asked for or a picture is read.

    Args:
        settings: which network, and how a picture is cut.

    Attributes:
        size: side of the square that is read, in pixels.
        crop: share of the picture's shorter side that the square shows.
        fingerprint: changes when the weights or the reading of pictures change; keys the cache.

    Raises:
        RecipeError: the network is nowhere to be found.
    """

    def __init__(self, settings: Image.Settings) -> None:
        self._found = find(settings)
        self._pooling = settings.pooling
        self.size, self.crop = self._found.size, self._found.crop
        self.fingerprint = self._found.fingerprint(settings.pooling)
        self._network: nn.Module | None = None
        self._dim = 0

    @property
    def dim(self) -> int:
        """Length of a vector."""
        self._load()
        return self._dim

    @torch.inference_mode()
    def __call__(self, pictures: UInt8[np.ndarray, "n size size 3"]) -> Float16[np.ndarray, "n dim"]:
        """Encode pictures that `plait.data.media` decoded."""
        network = self._load()
        if len(pictures) == 0:
            return np.zeros((0, self._dim), np.float16)
        return self._encode(network, torch.from_numpy(np.array(pictures)))

    def _encode(self, network: nn.Module, pictures: Tensor) -> Float16[np.ndarray, "n dim"]:
        device = next(network.parameters()).device
        # NHWC seen as NCHW is the layout in which convolutions are fastest.
        scaled = pictures.to(device).permute(0, 3, 1, 2).float() / 255
        mean, std = (scaled.new_tensor(values)[:, None, None] for values in (self._found.mean, self._found.std))
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            vectors: Tensor = network((scaled - mean) / std)
        return halves(vectors)

    def _load(self) -> nn.Module:
        if self._network is None:
            network = load_network(self._found, self._pooling).to("cuda" if torch.cuda.is_available() else "cpu")
            self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            blank = torch.zeros(1, self.size, self.size, 3, dtype=torch.uint8)
            with torch.inference_mode():
                self._dim = self._encode(self._network, blank).shape[1]
        return self._network
