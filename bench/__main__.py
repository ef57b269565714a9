"""Run the benches: `python -m bench`, `python -m bench --quick`, `python -m bench throughput quality`."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from bench import machine, pieces
from bench.balancing import balancing
from bench.encoding import encoding
from bench.page import write_page
from bench.plan import FULL, QUICK, Plan
from bench.preparing import preparing
from bench.processes import ROOT
from bench.quality import quality
from bench.recipes import generated_recipe
from bench.recommending import recommending
from bench.serving import serving
from bench.tables import generated
from bench.throughput import throughput
from bench.tuning import tuning

PARTS = ("throughput", "quality", "preparing", "pieces", "balancing", "encoding", "tuning", "serving", "recommending")
BESIDE = {"serving", "recommending"}
"""Measured against themselves, not against what the machine can do; they say on which machine that was."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed and quality as ratios in one run.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all where not said")
    parser.add_argument("--quick", action="store_true", help="a smoke test of under three minutes; its figures say nothing")
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results and write docs/speed.md")
    asked = parser.parse_args()
    plan = QUICK if asked.quick else FULL
    plan.cache.mkdir(parents=True, exist_ok=True)
    kept = ROOT / "bench" / "results" / "speed.json"
    found = _before(kept) if asked.parts else {}
    start = time.time()
    here = {"machine": machine.describe(), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    print("machine:", here["machine"])
    parts = asked.parts or PARTS
    if set(parts) - BESIDE:
        found |= {**here, "command": "python -m bench " + " ".join(sys.argv[1:]), "capacity": machine.capacity(plan.piece)}
        print("GFLOP/s and GB/s:", {name: round(value) for name, value in found["capacity"].items()})
    for part in parts:
        print(f"\n== {part} ({time.time() - start:.0f} s)")
        found[part] = _part(part, plan, found) | (here if part in BESIDE else {})
    seconds = time.time() - start
    if set(parts) - BESIDE:
        found["seconds"] = seconds
    print(f"\n{seconds:.0f} s in all")
    target = kept if asked.write else plan.cache / "speed.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1), encoding="utf-8")
    if asked.write:
        write_page(found, ROOT / "docs" / "speed.md")


def _part(part: str, plan: Plan, found: dict[str, Any]) -> dict[str, Any]:
    """Run one part."""
    if part == "throughput":
        return throughput(plan, found["capacity"])
    if part == "quality":
        return quality(plan)
    if part == "preparing":
        return preparing(plan)
    if part == "balancing":
        return balancing(plan)
    if part == "encoding":
        return encoding(plan)
    if part == "tuning":
        return tuning(plan)
    if part == "serving":
        return serving(plan)
    if part == "recommending":
        return recommending(plan)
    torch.set_num_threads(plan.threads)
    recipe = generated_recipe(generated(plan.cache, plan.rows), batch=plan.batch)
    measured = {
        "feeding": pieces.feeding(recipe, plan.cache, plan.batch, plan.piece),
        "embeddings": pieces.embeddings(plan.piece),
    }
    print(json.dumps(measured, indent=1))
    return measured


def _before(path: Path) -> dict[str, Any]:
    """Return the figures of the last run, so that one part may be measured again."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


if __name__ == "__main__":
    main()
