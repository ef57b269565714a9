"""Plait: the steps of its training loop, drawn from its own batches."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.contestants.turns import take_turns
from plait.data.prepare import prepare
from plait.recipe import load_recipe
from plait.run.build import build_balance, build_model, build_texts
from plait.train.job import Job
from plait.train.judge import Judge
from plait.train.memory import kept_memory
from plait.train.precision import fast_products
from plait.train.supply import Draw


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = load_recipe(asked.recipe, asked.set)
    prepared = prepare(recipe.schema_, asked.recipe.parent, asked.cache, build_texts(recipe))
    device = torch.device("cpu")
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, prepared.layout).train()
    judge = Judge(dict.fromkeys(recipe.tasks, True), recipe.train.patience)
    job = Job(model, prepared, build_balance(recipe, prepared.layout), recipe.train, judge, recipe.seed, device)

    def endless() -> Iterator[list[Draw]]:
        while True:  # a turn may be longer than an epoch
            yield from job.supply.epoch(job.progress.epoch, 0)
            job.progress.epoch += 1

    draws = endless()

    def train(rows: int) -> float:
        start, before = time.perf_counter(), job.progress.examples
        while job.progress.examples - before < rows:
            since = time.perf_counter()
            job.advance(next(draws), since)
        # The last batch of an epoch is a small one: what was trained on counts, not what was asked for.
        return (time.perf_counter() - start) * rows / (job.progress.examples - before)

    with fast_products(device), kept_memory():
        take_turns(train)


if __name__ == "__main__":
    main()
