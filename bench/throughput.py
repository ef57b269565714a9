"""Training rows per second, data loading included, against ready-made libraries and a plain PyTorch loop."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench import flops
from bench.peers import environment
from bench.plan import Plan
from bench.processes import CONTESTANTS, module
from bench.recipes import Kind, census_recipe, generated_recipe, write
from bench.rounds import Contestant, race
from bench.tables import CENSUS_NUMBERS, census, census_columns, generated, ready

__all__ = ["throughput"]

PLAIT = {
    "plait fp32": ["train.precision=fp32", "model.numbers=plain"],
    "plait auto": ["train.precision=auto", "model.numbers=plain"],
    "plait auto, its default numbers": ["train.precision=auto"],
}
_STEPS = ["train.probes=0", "train.epochs=100"]


def throughput(plan: Plan, capacity: dict[str, float]) -> dict[str, Any]:
    """Race everybody on both tables with both models.

    Args:
        plan: how long.
        capacity: what `bench.machine.capacity` found, for the share of the machine's limit.
    """
    python = environment(plan.cache)
    found: dict[str, Any] = {}
    for table in plan.tables:
        arrays, width, most = _arrays(table, plan)
        for kind in ("mmoe", "shared_bottom"):
            contestants = [*_peers(python, arrays, kind, plan), *_plait(table, kind, plan)]
            rates = race(contestants, plan.rounds, plan.turn, plan.batch, plan.threads, most)
            work = flops.mmoe(width) if kind == "mmoe" else flops.shared_bottom(width)
            found[f"{table} {kind}"] = {
                "rates": rates,
                "width": width,
                "flops": work,
                "limit_fp32": 1e9 * max(capacity["fp32"], capacity["fp32_onednn"]) / work,
                "limit_bf16": 1e9 * capacity["bf16"] / work,
            }
            print(f"\n{table} {kind} ({work / 1e6:.2f} MFLOP a row)")
            for name, rate in sorted(rates.items(), key=lambda item: item[1]["best"]):
                against = rate["best"] / rates["plain"]["best"] if "plain" in rates else float("nan")
                print(
                    f"  {name:34} best {rate['best']:>9,.0f} rows/s  median {rate['median']:>9,.0f}  {against:5.2f} × plain"
                )
    return found


def _arrays(table: str, plan: Plan) -> tuple[Path, int, int]:
    """Return the arrays for those that want them ready, the width of the joint input, and the rows to train on."""
    if table == "census":
        path = census()
        categories, numbers = census_columns(path), CENSUS_NUMBERS
        labels, train = ["income=50000+.", "marital_status=Never married"], 199_523
    else:
        path = generated(plan.cache, plan.rows)
        categories, numbers = [f"c{i:02d}" for i in range(18)], [f"n{i:02d}" for i in range(60)]
        labels, train = ["y0", "y1"], plan.rows
    folder = ready(path, plan.cache / f"ready-{path.stem}", categories, numbers, labels, train)
    return folder, 16 * len(categories) + len(numbers), train


def _peers(python: Path, arrays: Path, kind: Kind, plan: Plan) -> list[Contestant]:
    options: list[str | Path] = [
        "--data",
        arrays,
        "--model",
        kind,
        "--batch",
        str(plan.batch),
        "--threads",
        str(plan.threads),
    ]
    return [
        Contestant(name, [interpreter, CONTESTANTS / f"{file}.py", *options])
        for name, interpreter, file in (
            ("plain", Path(sys.executable), "plain"),
            ("deepctr-torch", python, "deepctr"),
            ("torch-rechub", python, "rechub"),
        )
    ]


def _plait(table: str, kind: Kind, plan: Plan) -> list[Contestant]:
    if table == "census":
        recipe = census_recipe(census(), kind, batch=plan.batch)
    else:
        recipe = generated_recipe(generated(plan.cache, plan.rows), kind, batch=plan.batch)
    path = write(recipe, plan.cache / f"{table}-{kind}.yaml")
    found = []
    for name, changes in PLAIT.items():
        sets = [part for change in [*changes, *_STEPS] for part in ("--set", change)]
        options: list[str | Path] = ["--recipe", path, "--cache", plan.cache / "prepared", "--threads", str(plan.threads)]
        found.append(Contestant(name, module("bench.contestants.plait_steps", *options, *sets)))
    return found
