"""What the machine itself can do: the measure of every other figure."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

__all__ = ["best_of", "capacity", "describe", "threads"]

_WORTH_SAYING = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def threads() -> int:
    """Return how many threads every contestant gets: the cores of this machine."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, object]:
    """Describe the machine and what is installed."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    about = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = about.get("flags", "").split()
    return {
        "cpu": about.get("model name", platform.processor()),
        "cores": threads(),
        "flags": [flag for flag in _WORTH_SAYING if flag in flags],
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "pyarrow", "duckdb")},
    }


def capacity(seconds: float) -> dict[str, float]:
    """Time matrix products and a memory copy.

    Args:
        seconds: how long each is tried.

    Returns:
        GFLOP/s of the best of two shapes in fp32 by default, fp32 through oneDNN and bf16; GB/s of a copy.
    """
    torch.set_num_threads(threads())
    shapes = ((4096, 512, 2048), (2048, 2048, 2048))
    found: dict[str, float] = {}
    for name, dtype, route in (
        ("fp32", torch.float32, "ieee"),
        ("fp32_onednn", torch.float32, "bf16"),
        ("bf16", torch.bfloat16, "ieee"),
    ):
        with _routed(route):
            rates = []
            for m, k, n in shapes:
                a, b = torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype)
                rates.append(2e-9 * m * k * n / best_of(partial(torch.mm, a, b), seconds / len(shapes)))
            found[name] = max(rates)
    block = torch.zeros(64 << 20, dtype=torch.uint8)
    target = torch.empty_like(block)
    found["copy"] = 1e-9 * block.numel() / best_of(lambda: target.copy_(block), seconds)
    return found


def best_of(work: Callable[[], object], seconds: float) -> float:
    """Return the shortest time of a piece of work, tried for some seconds and at least three times."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


@contextmanager
def _routed(route: str) -> Iterator[None]:
    """Send fp32 products the ordinary way or through oneDNN."""
    products = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = route
    try:
        yield
    finally:
        products.fp32_precision = before
