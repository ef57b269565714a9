"""How long preparation takes in a fresh process, and the most memory that preparing and training ever hold."""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from plait.balance import build_balancer
from plait.data.prepare import prepare
from plait.recipe import load_recipe
from plait.run.build import build_model
from plait.train.job import Job
from plait.train.judge import Judge
from plait.train.precision import fast_products


def peak() -> float:
    """Return the most memory this process has held so far, in MB."""
    # Not getrusage: after fork and exec its maximum starts from the parent's.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = load_recipe(asked.recipe)
    found = {"imported_mb": peak()}
    with TemporaryDirectory(prefix="plait-bench-") as cache:
        start, used = time.perf_counter(), time.process_time()
        prepared = prepare(recipe.schema_, asked.recipe.parent, Path(cache))
        found["seconds"] = time.perf_counter() - start
        found["cpu_seconds"] = time.process_time() - used
        found["prepared_mb"] = peak()
        device = torch.device("cpu")
        model = build_model(recipe, prepared.layout).train()
        found["model_mb"] = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20
        balance = build_balancer(recipe.balance, list(prepared.layout.tasks), [1.0] * len(prepared.layout.tasks))
        job = Job(model, prepared, balance, recipe.train, Judge(dict.fromkeys(recipe.tasks, True), 1), 0, device)
        since = time.perf_counter()
        with fast_products(device):
            for _, draws in zip(range(asked.steps), job.supply.epoch(0, 0), strict=False):
                job.advance(draws, since)
                since = time.perf_counter()
        found["trained_mb"] = peak()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
