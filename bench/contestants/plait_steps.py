"""Plait: the steps of its training loop, drawn from its own batches."""

import argparse
import time
from pathlib import Path

import torch

from bench.contestants.turns import take_turns
from plait.data.prepare import prepare
from plait.recipe import load_recipe
from plait.run.build import build_balance, build_model
from plait.train.job import Job
from plait.train.judge import Judge
from plait.train.memory import kept_memory
from plait.train.precision import fast_products


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = load_recipe(asked.recipe, asked.set)
    prepared = prepare(recipe.schema_, asked.recipe.parent, asked.cache)
    device = torch.device("cpu")
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, prepared.layout).train()
    judge = Judge(dict.fromkeys(recipe.tasks, True), recipe.train.patience)
    job = Job(model, prepared, build_balance(recipe, prepared.layout), recipe.train, judge, recipe.seed, device)

    def train(rows: int) -> float:
        steps = -(-rows // recipe.train.batch)
        start = since = time.perf_counter()
        for _, draws in zip(range(steps), job.supply.epoch(job.progress.epoch, 0), strict=False):
            job.advance(draws, since)
            since = time.perf_counter()
        job.progress.epoch += 1
        return time.perf_counter() - start

    with fast_products(device), kept_memory():
        take_turns(train)


if __name__ == "__main__":
    main()
