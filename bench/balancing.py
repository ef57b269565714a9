"""What every balancing method costs beside equal weights: time and memory of a step, census, two and six tasks."""

from __future__ import annotations

import statistics
from typing import Any, get_args

from bench.plan import Plan
from bench.processes import child, module
from bench.recipes import census_recipe, write
from bench.tables import census
from plait.balance import AnyBalance
from plait.data.prepare import prepare
from plait.recipe import load_recipe

__all__ = ["balancing", "kinds"]

_LABELS = {
    "income": "income = '50000+.'",
    "never_married": "marital_status = 'Never married'",
    "woman": "sex = 'Female'",
    "private": "class_of_worker = 'Private'",
    "older": "age > 40",
    "no_tax": "tax_filer_status = 'Nonfiler'",
}


def kinds() -> list[str]:
    """Return every way to balance, equal weights first; `feedback` without a signal is equal weights."""
    members = get_args(get_args(AnyBalance)[0])
    names = [str(get_args(one.model_fields["kind"].annotation)[0]) for one in members]
    return ["average", *sorted(name for name in names if name not in ("average", "feedback"))]


def balancing(plan: Plan) -> dict[str, Any]:
    """Measure each method in a process of its own, its steps in turn with those of equal weights."""
    found: dict[str, Any] = {}
    for tasks in (2, 6):
        recipe = census_recipe(census(), batch=plan.batch)
        # What a label names is an input too: all tasks then go through the body together, as they do in the race.
        labels = dict(list(_LABELS.items())[:tasks])
        recipe["tasks"] = {
            name: {"table": "people", "kind": "binary", "label": label, "inputs": ["people"]}
            for name, label in labels.items()
        }
        path = write(recipe, plan.cache / f"census-balancing-{tasks}.yaml")
        # Prepared here, so that no child's peak is that of the preparation.
        prepare(load_recipe(path).schema_, path.parent, plan.cache / "prepared")
        for kind in kinds():
            options = ["--recipe", path, "--cache", plan.cache / "prepared", "--kind", kind, "--seconds", str(plan.turn)]
            one = child(module("bench.children.balancing", *options, "--threads", str(plan.threads)), plan.threads)
            if "refused" in one:
                print(f"  {tasks} tasks, {kind}: {one['refused']}")
                continue
            found.setdefault(kind, {})[str(tasks)] = one
            memory = one["peak_mb"] / found["average"][str(tasks)]["peak_mb"]
            print(f"  {tasks} tasks, {kind:16} × {one['ratio']:.2f} of equal weights, memory × {memory:.2f}", flush=True)
    for tasks in ("2", "6"):
        ratios = [one[tasks]["ratio"] for kind, one in found.items() if kind != "average" and tasks in one]
        print(f"  {tasks} tasks: median × {statistics.median(ratios):.2f}, most × {max(ratios):.2f}")
    return found
