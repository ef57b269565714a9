"""How fast this machine trains, as a share of what its own best matrix product would allow."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from plait.run.job import train
from plait.run.run import Run
from plait.train.precision import autocast, choose_device, choose_precision, fast_products

__all__ = ["bench", "flops_per_row", "product_rate"]

_CATEGORIES: Final = 18
_NUMBERS: Final = 60
_SIZES: Final = (4096, 2048, 1024)


def bench(quick: bool) -> tuple[list[str], object]:
    """Train an MMoE of eight experts on a generated table in fp32 and in this machine's best precision.

    Args:
        quick: a tenth of the rows.

    Returns:
        Lines for people, and the figures as data.
    """
    rows = 50_000 if quick else 500_000
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="plait-bench-") as folder:
        generate(Path(folder) / "rows.parquet", rows, seed=1)
        for precision in dict.fromkeys(("fp32", choose_precision("auto", choose_device("auto")))):
            run = train(_recipe(precision), Path(folder) / precision, base=Path(folder), alone=False)
            limit = product_rate(precision) / flops_per_row(run)
            rate = run.report.examples_per_second or 0.0
            found[precision] = {"rows_per_second": rate, "limit": limit, "share": rate / limit, **run.report.seconds}
    lines = ["precision  rows/s     limit by matrix product  share"]
    lines += [
        f"{name:9}  {one['rows_per_second']:9,.0f}  {one['limit']:23,.0f}  {one['share']:5.0%}"
        for name, one in found.items()
    ]
    return lines, found


def generate(path: Path, rows: int, seed: int) -> None:
    """Write a table of categories and numbers with two labels that depend on them."""
    draw = np.random.default_rng(seed)
    codes = draw.zipf(1.3, size=(rows, _CATEGORIES)).clip(max=1000).astype(np.int32)
    numbers = draw.standard_normal((rows, _NUMBERS), dtype=np.float32)
    signal = numbers[:, :8].sum(1) + (codes[:, 0] % 3) - 1
    columns: dict[str, Any] = {f"c{i}": codes[:, i] for i in range(_CATEGORIES)}
    columns |= {f"n{i}": numbers[:, i] for i in range(_NUMBERS)}
    columns["click"] = (signal + draw.standard_normal(rows) > 1).astype(np.int8)
    columns["buy"] = (signal + 2 * draw.standard_normal(rows) > 4).astype(np.int8)
    pq.write_table(pa.table(columns), path)


def product_rate(precision: str) -> float:
    """Return the best rate of a matrix product, in operations per second, over a few sizes."""
    device = choose_device("auto")
    best = 0.0
    with fast_products(device), torch.no_grad(), autocast("bf16" if precision == "bf16" else "fp32", device):
        for size in _SIZES:
            left, right = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
            if precision == "bf16":
                left, right = left.bfloat16(), right.bfloat16()
            for _ in range(4):
                start = perf_counter()
                (left @ right).flatten()[0].item()
                best = max(best, 2 * size**3 / (perf_counter() - start))
    return best


def flops_per_row(run: Run) -> float:
    """Count the operations of one training row in the linear layers: forward, and twice that backward."""
    return 6.0 * sum(layer.weight.numel() for layer in run.model.modules() if isinstance(layer, nn.Linear))


def _recipe(precision: str) -> dict[str, Any]:
    features = {f"rows.c{i}": "category" for i in range(_CATEGORIES)} | {f"rows.n{i}": "number" for i in range(_NUMBERS)}
    return {
        "name": "bench",
        "tables": {"rows": {"source": "rows.parquet"}},
        "features": features,
        "tasks": {name: {"table": "rows", "kind": "binary", "label": name} for name in ("click", "buy")},
        "split": {"by": "random"},
        "model": {"numbers": "plain", "sharing": {"kind": "mmoe", "experts": 8, "expert": [256, 128]}},
        "train": {"epochs": 1, "batch": 4096, "precision": precision, "probes": 0},
    }
