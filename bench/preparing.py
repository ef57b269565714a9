"""What comes before training: preparation, memory, the first answer of the command line; and evaluation after it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.plan import Plan
from bench.processes import child, module, seconds_of
from bench.recipes import generated_recipe, write
from bench.tables import generated

__all__ = ["preparing"]


def preparing(plan: Plan) -> dict[str, Any]:
    """Prepare the generated table in a fresh process and train some steps."""
    path = generated(plan.cache, plan.rows)
    recipe = write(generated_recipe(path, batch=plan.batch), plan.cache / "generated-prepare.yaml")
    found = child(module("bench.children.preparation", "--recipe", recipe, "--threads", str(plan.threads)), plan.threads)
    found["raw_mb"] = pq.read_table(path).nbytes / 2**20
    found["parquet_mb"] = path.stat().st_size / 2**20
    found["help_seconds"] = seconds_of([Path(sys.executable).parent / "plait", "--help"], 5)
    over = found["trained_mb"] - found["imported_mb"] - found["model_mb"]
    print(f"  {found['seconds']:.1f} s; {over:,.0f} MB beyond imports and model, raw columns {found['raw_mb']:,.0f} MB")
    print(f"  plait --help: {found['help_seconds']:.2f} s")
    return found
