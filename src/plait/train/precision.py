"""In which numbers a device computes fastest without losing what training needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Literal

import torch

from plait.encode.pretrained.precision import has_bfloat16
from plait.errors import RecipeError

__all__ = ["autocast", "choose_device", "choose_precision", "fast_products"]


def choose_device(wanted: str) -> torch.device:
    """Return the device of `train.device`.

    Raises:
        RecipeError: there is no such device.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(
            f"`train.device` should be `auto`, `cpu` or a device of this machine such as `cuda`. Found `{wanted}`: {reason}"
        ) from None
    return device


def choose_precision(wanted: Literal["auto", "fp32", "bf16"], device: torch.device) -> Literal["fp32", "bf16"]:
    """Return the precision of `train.precision`: `auto` takes bf16 where the device multiplies it natively."""
    if wanted != "auto":
        return wanted
    return "bf16" if has_bfloat16(device) else "fp32"


def autocast(precision: Literal["fp32", "bf16"], device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which the model is called."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


@contextmanager
def fast_products(device: torch.device) -> Iterator[None]:
    """Send fp32 matrix products through oneDNN where that is faster and still exact, and undo it after.

    On processors with avx512_bf16 and without AMX the setting doubles the speed of fp32 products and changes no digit; where
    AMX is present it would round them to bf16. Whether it stays exact is tried out, not believed.
    """
    if device.type != "cpu" or not _exact_through_onednn():
        yield
        return
    with _onednn():
        yield


@contextmanager
def _onednn() -> Iterator[None]:
    """Route fp32 products through oneDNN."""
    products = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = before


def _has(*features: str) -> bool:
    """Say whether the processor has one of these."""
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(feature)) for feature in features)


@cache
def _exact_through_onednn() -> bool:
    """Say whether a product sent through oneDNN is a true fp32 product on this processor."""
    there = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    if not there or not _has("avx512_bf16") or _has("amx_bf16", "amx_tile"):
        return False
    draw = torch.Generator().manual_seed(0)
    left, right = torch.randn(256, 384, generator=draw), torch.randn(384, 256, generator=draw)
    truth = left.double() @ right.double()
    with _onednn():
        error = (left @ right - truth).abs().max() / truth.abs().max()
    return bool(error < 1e-6)
