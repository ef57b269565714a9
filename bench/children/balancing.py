"""What one balancing method costs beside equal weights: a fresh process, paired steps, the most memory it ever held."""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from bench.children.preparation import peak
from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.errors import PlaitError
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model
from plait.train.job import Job
from plait.train.judge import Judge
from plait.train.memory import kept_memory
from plait.train.precision import fast_products


def stepper(recipe: Recipe, prepared: Prepared) -> tuple[Callable[[], None], int]:
    """Return a step that is done over and over, and how many batches it reads."""
    model = build_model(recipe, prepared.layout).train()
    judge = Judge(dict.fromkeys(recipe.tasks, True), 1)
    balancer = build_balance(recipe, prepared.layout)
    job = Job(model, prepared, balancer, recipe.train, judge, recipe.seed, torch.device("cpu"))
    return partial(job.advance, next(job.supply.epoch(0, 0)), 0.0), balancer.draws


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = load_recipe(asked.recipe, [f"balance={{kind: {asked.kind}}}"])
    equal = load_recipe(asked.recipe, ["balance={kind: average}"])
    prepared = prepare(recipe.schema_, asked.recipe.parent, asked.cache)
    try:
        build_balance(recipe, prepared.layout)
    except PlaitError as error:  # a method that needs more tasks
        print(json.dumps({"refused": str(error)}))
        return
    with fast_products(torch.device("cpu")), kept_memory():
        method, draws = stepper(recipe, prepared)
        for _ in range(5):
            method()
        memory = peak()
        base, _ = stepper(equal, prepared)
        base()
        times: dict[str, list[float]] = {"method": [], "equal": []}
        end = time.perf_counter() + asked.seconds
        while time.perf_counter() < end or len(times["equal"]) < 5:
            for name, step in (("equal", base), ("method", method)):
                start = time.perf_counter()
                step()
                times[name].append(time.perf_counter() - start)
    # Means: a method that does more in some steps than in others is charged for all of them.
    ratio = statistics.mean(times["method"]) / statistics.mean(times["equal"])
    middle = statistics.median(one / two for one, two in zip(times["method"], times["equal"], strict=True))
    found = {"peak_mb": memory, "draws": draws, "ratio": ratio, "middle": middle, "equal_ms": 1e3 * min(times["equal"])}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
