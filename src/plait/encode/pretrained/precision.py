"""In which numbers a pretrained encoder runs, and in which its vectors are kept."""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Float16
from torch import Tensor

__all__ = ["halves", "has_bfloat16"]

_LARGEST: Final = 65504.0
"""The largest number of 16 bits."""


def has_bfloat16(device: torch.device) -> bool:
    """Say whether the device multiplies bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))


def halves(vectors: Float[Tensor, "*shape"]) -> Float16[np.ndarray, "*shape"]:
    """Return vectors as they are kept, 16 bits a number; what is larger than those can say is as large as they can."""
    kept: np.ndarray = vectors.float().clamp(-_LARGEST, _LARGEST).half().cpu().numpy()
    return kept
