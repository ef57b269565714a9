"""One method on one ground with one seed: train, test, note down. Several at once, each on a thread of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, final

import torch

from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.errors import PlaitError
from plait.measure import quick
from plait.recipe import Recipe
from plait.run.build import build_balance, build_media, build_model, build_texts, resampled
from plait.run.content import metric_of
from plait.run.methods.entrants import Entrant
from plait.run.methods.grounds import GROUNDS
from plait.run.phase import goal_of, on_test, only
from plait.run.resolve import resolve
from plait.train.loop import fit

__all__ = ["Lap", "Row", "laps_of", "race", "rows_of"]


@final
@dataclass(frozen=True, slots=True)
class Lap:
    """One thing to do."""

    ground: str
    entrant: Entrant
    seed: int


@final
@dataclass(frozen=True, slots=True)
class Row:
    """What came out of a lap.

    Attributes:
        scores: task -> its deciding figure on the test part.
        seconds: of training, all tasks together; evaluation not counted.
        refused: why the method could not run; empty where it did.
    """

    ground: str
    method: str
    kind: str
    seed: int
    scores: Mapping[str, float]
    seconds: float
    epochs: int
    parameters: int
    skipped: int
    refused: str = ""


def laps_of(ground: str, entrants: Sequence[Entrant], seeds: int) -> list[Lap]:
    """Return the laps of a ground, seed by seed, so that an interrupted race has something of everybody."""
    return [Lap(ground, entrant, seed) for seed in range(1, seeds + 1) for entrant in entrants]


def race(laps: Sequence[Lap], out: Path, workers: int) -> Iterator[Row]:
    """Run laps on several processes and yield what came out, each written to `out/results.jsonl` first.

    Laps whose row is there already are not run again.
    """
    file = out / "results.jsonl"
    done = {(row.ground, row.method, row.seed) for row in rows_of(file)}
    waiting = [lap for lap in laps if (lap.ground, lap.entrant.name, lap.seed) not in done]
    if file.exists() and not file.read_bytes().endswith(b"\n"):  # a kill cut the last line short
        with file.open("a", encoding="utf-8") as stream:
            stream.write("\n")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_one_thread) as pool:
        running = [pool.submit(run_lap, lap, out / "grounds" / lap.ground) for lap in waiting]
        try:
            for ready in as_completed(running):
                row = ready.result()
                with file.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(asdict(row)) + "\n")
                yield row
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def rows_of(file: Path) -> list[Row]:
    """Read the rows that a race wrote; a last line that was cut short is left out."""
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            rows.append(Row(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return rows


def run_lap(lap: Lap, folder: Path) -> Row:
    """Train one method with one seed, and test it."""
    recipe = recipe_of(lap)
    start = perf_counter()
    try:
        found = _alone(recipe, folder, lap.seed) if lap.entrant.kind == "alone" else _fitted(recipe, folder, lap.seed)
    except PlaitError as error:
        return Row(lap.ground, lap.entrant.name, lap.entrant.kind, lap.seed, {}, perf_counter() - start, 0, 0, 0, str(error))
    return Row(lap.ground, lap.entrant.name, lap.entrant.kind, lap.seed, *found)


def recipe_of(lap: Lap) -> dict[str, Any]:
    """Return the recipe of a lap."""
    ground = GROUNDS[lap.ground]
    recipe = ground.recipe
    model = {**recipe["model"], "sharing": dict(lap.entrant.sharing)}
    tasks = {name: dict(task) for name, task in recipe["tasks"].items()}
    if lap.entrant.chain is not None:
        for child, parent in ground.chain.items():
            # Relations between chances have no say in an amount; it is tied to its parent's chance then.
            chain = lap.entrant.chain if tasks[child]["kind"] == "binary" or lap.entrant.chain == "dbmtl" else "esmm"
            tasks[child] |= {"given": parent, "chain": chain}
    train = {**recipe["train"], "probes": 0, "threads": 1, "device": "cpu"}
    return {**recipe, "tasks": tasks, "model": model, "balance": dict(lap.entrant.balance), "train": train}


_Found = tuple[dict[str, float], float, int, int, int]


def _fitted(source: dict[str, Any], folder: Path, seed: int) -> _Found:
    recipe, prepared = _ready(json.dumps(source), folder)
    return _train(recipe, prepared, seed)


def _alone(source: dict[str, Any], folder: Path, seed: int) -> _Found:
    """Train every task alone and add up what it cost."""
    recipe, prepared = _ready(json.dumps(source), folder)
    parts = [_train(recipe.alone(name, recipe.train.batch), only(prepared, name), seed) for name in recipe.tasks]
    scores = {name: score for part in parts for name, score in part[0].items()}
    return scores, sum(p[1] for p in parts), max(p[2] for p in parts), sum(p[3] for p in parts), sum(p[4] for p in parts)


def _train(recipe: Recipe, prepared: Prepared, seed: int) -> _Found:
    """Train once; the split stays that of the recipe's own seed, so that all seeds are tested on the same examples."""
    own = recipe.model_copy(update={"seed": seed})
    model = build_model(own, prepared.layout)
    balancer = build_balance(own, prepared.layout)
    fitted = fit(model, resampled(own, prepared), balancer, own.train, goal=goal_of(own, prepared), seed=seed)
    outcomes, _ = on_test(model, prepared)
    scores = {name: quick(own.tasks[name].kind, found, metric_of(own, name)) for name, found in outcomes.items()}
    parameters = sum(tensor.numel() for tensor in model.parameters())
    return scores, fitted.seconds, fitted.epochs, parameters, fitted.skipped


@lru_cache(maxsize=2)
def _ready(source: str, folder: Path) -> tuple[Recipe, Prepared]:
    """Prepare the tables of a ground, or take them from where they were prepared before."""
    resolved = resolve(json.loads(source), base=folder)
    texts, media = build_texts(resolved.recipe), build_media(resolved.recipe)
    return resolved.recipe, prepare(resolved.recipe.schema_, folder, folder / "prepared", texts, media=media)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
