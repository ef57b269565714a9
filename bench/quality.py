"""How good, how soon: from the raw census in a fresh process to both tasks' test AUC."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from bench.peers import environment
from bench.plan import Plan
from bench.processes import CONTESTANTS, child, module
from bench.recipes import Kind, census_recipe, write
from bench.tables import CENSUS_NUMBERS, census, census_columns

__all__ = ["MARK", "SOON", "TREES", "quality"]

MARK = {"income": 0.948, "never_married": 0.9946}
"""What torch-rechub's MMoE reaches after three epochs."""
TREES = {"income": 0.9553, "never_married": 0.9948}
"""Gradient-boosted trees, one model a task."""
SOON: dict[str, tuple[Kind, list[str]]] = {
    "MMoE, 1 epoch, learning rate 0.005": ("mmoe", ["train.epochs=1", "train.learning_rate=0.005"]),
    "MMoE, 2 epochs": ("mmoe", ["train.epochs=2"]),
    "shared bottom, 2 epochs": ("shared_bottom", ["train.epochs=2"]),
}
"""Plait's entries in the race to the mark; everything else is its default."""


def quality(plan: Plan) -> dict[str, Any]:
    """Race to the mark, then train to the end over several seeds."""
    path = write(census_recipe(census()), plan.cache / "census-quality.yaml")
    found: dict[str, Any] = {"mark": MARK, "trees": TREES}
    if plan.peer_epochs:
        found["torch-rechub"] = _rechub(plan)
        print(f"  torch-rechub, {plan.peer_epochs} epochs: {_words(found['torch-rechub'])}")
    found["soon"] = {}
    for name, (kind, changes) in SOON.items():
        small = write(census_recipe(census(), kind), plan.cache / f"census-quality-{kind}.yaml")
        found["soon"][name] = _plait(small, plan, changes)
        print(f"  plait {name}: {_words(found['soon'][name])}")
    ends = []
    for seed in plan.seeds:
        for precision in ("auto", "fp32") if seed == plan.seeds[0] else ("auto",):
            sets = [f"train.epochs={plan.epochs}", f"seed={seed}", f"train.precision={precision}"]
            ends.append(_plait(path, plan, sets) | {"seed": seed, "asked": precision})
            print(f"  plait, {' '.join(sets)}: {_words(ends[-1])}")
    found["end"] = ends
    chosen = [end for end in ends if end["asked"] == "auto"]
    found["mean"] = {task: statistics.mean(end["test"][task] for end in chosen) for task in MARK}
    return found


def _plait(recipe: Path, plan: Plan, changes: list[str]) -> dict[str, Any]:
    sets = [part for change in changes for part in ("--set", change)]
    return child(module("bench.children.quality", "--recipe", recipe, "--threads", str(plan.threads), *sets), plan.threads)


def _rechub(plan: Plan) -> dict[str, Any]:
    path = census()
    options = ["--table", str(path), "--numbers", ",".join(CENSUS_NUMBERS), "--categories", ",".join(census_columns(path))]
    script = CONTESTANTS / "rechub_quality.py"
    options += ["--epochs", str(plan.peer_epochs), "--threads", str(plan.threads)]
    return child([environment(plan.cache), script, *options], plan.threads)


def _words(found: dict[str, Any]) -> str:
    return f"{found['wall']:.1f} s, test AUC " + " / ".join(f"{auc:.4f}" for auc in found["test"].values())
