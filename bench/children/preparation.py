"""How long preparation takes in a fresh process, and the most memory that preparing and training ever hold."""

import argparse
import json
import resource
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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
        start = time.perf_counter()
        prepared = prepare(recipe.schema_, asked.recipe.parent, Path(cache))
        found["seconds"] = time.perf_counter() - start
        found["prepared_mb"] = peak()
        device = torch.device("cpu")
        model = build_model(recipe, prepared.layout).train()
        found["model_mb"] = sum(p.numel() * p.element_size() for p in model.parameters()) / 2**20
        balance = build_balancer(recipe.balance, list(prepared.layout.tasks), [1.0] * len(prepared.layout.tasks))
        job = Job(model, prepared, balance, recipe.train, Judge(dict.fromkeys(recipe.tasks, True), 1), 0, device)
        since = start = time.perf_counter()
        with fast_products(device):
            for _, draws in zip(range(asked.steps), job.supply.epoch(0, 0), strict=False):
                job.advance(draws, since)
                since = time.perf_counter()
        found["trained_mb"] = peak()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
