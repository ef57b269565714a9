"""Sounds that tests make: tones, and the WAV files they come in."""

from __future__ import annotations

import struct

import numpy as np

__all__ = ["tone", "wav"]


def tone(pitch: float, seconds: float = 0.5, rate: int = 16_000, loud: float = 0.3) -> np.ndarray:
    """Make a sine wave."""
    return (loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: np.ndarray, rate: int = 16_000, kind: str = "int16", extensible: bool = False) -> bytes:
    """Write samples [n] or [n, channels] between -1 and 1 as WAV."""
    frames = samples if samples.ndim == 2 else samples[:, None]
    bits = {"uint8": 8, "int16": 16, "int24": 24, "int32": 32, "float32": 32, "float64": 64}[kind]
    if kind.startswith("float"):
        data = frames.astype(kind).tobytes()
    elif kind == "uint8":
        data = (np.round(frames * 127) + 128).astype(np.uint8).tobytes()
    elif kind == "int24":
        wide = np.round(frames.astype(np.float64) * (2**23 - 1)).astype("<i4")
        data = wide.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    else:
        data = np.round(frames.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(kind).tobytes()
    form = 3 if kind.startswith("float") else 1
    size = bits // 8 * frames.shape[1]
    about = struct.pack("<HHIIHH", 0xFFFE if extensible else form, frames.shape[1], rate, rate * size, size, bits)
    if extensible:
        about += struct.pack("<HHIH", 22, bits, 0, form) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    chunks = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # a chunk of odd length that says nothing
    chunks += b"fmt " + struct.pack("<I", len(about)) + about + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
