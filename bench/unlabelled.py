"""What rows without a label are worth to a task with few: `python -m bench.unlabelled FOLDER`.

FOLDER holds `bank_marketing/calls.parquet` and `blitzer_reviews/books.parquet`. All but a few labels of the training rows
are hidden, and the hidden ones say how right the labels are that the model gives itself. Every seed draws its own labelled
and its own test rows. `as many steps` is plain training with a smaller batch, so that it takes as many steps as those that
read rows without a label.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from bench.suggest import MODEL, grounds
from plait.data.columns import Prepared
from plait.data.prepare import prepare
from plait.measure import mean_interval, quick
from plait.model import MultiTaskModel
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_balance, build_model, build_texts, resampled
from plait.run.outcomes import Scorer
from plait.run.phase import goal_of, on_test
from plait.run.resolve import resolve
from plait.train.loop import fit

Sure = tuple[float, float]
WAYS: dict[str, dict[str, Any] | None] = {
    "plain": None,
    "as many steps": None,
    "pseudo": {"kind": "pseudo"},
    "pseudo, balanced": {"kind": "pseudo", "balanced": True},
    "pseudo, threshold 0.8, weight 1": {"kind": "pseudo", "threshold": 0.8, "weight": 1.0},
    "consistency": {"kind": "consistency"},
    "consistency, weight 1": {"kind": "consistency", "weight": 1.0},
}
BATCH, RATIO = 64, 3


def recipe_of(source: str, ground: tuple[str, dict[str, Any], str], way: str, seed: int) -> Recipe:
    """Write the recipe of one way."""
    label, features, _ = ground
    task = {"table": "rows", "kind": "binary", "label": f"CASE WHEN seen THEN {label} END"}
    values = {
        "name": "rows",
        "seed": seed,
        "tables": {"rows": {"source": source}},
        "features": {**features, "rows.part": "ignore", "rows.seen": "ignore"},
        "tasks": {"label": {**task, **({"unlabelled": {**WAYS[way], "ratio": RATIO}} if WAYS[way] else {})}},
        "split": {"by": "column", "column": "part", "valid": 0.0},
        "model": MODEL,
        "train": {
            "epochs": 30,
            "patience": 30,
            "batch": BATCH // (1 + RATIO) if way == "as many steps" else BATCH,
            "threads": 1,
            "probes": 0,
        },
    }
    return load_recipe(values)


def trained(recipe: Recipe, prepared: Prepared) -> MultiTaskModel:
    """Train once."""
    model, ready = build_model(recipe, prepared.layout), resampled(recipe, prepared)
    balance = build_balance(recipe, prepared.layout)
    fit(model, ready, balance, recipe.train, goal=goal_of(recipe, prepared), seed=recipe.seed)
    return model


def rightness(model: MultiTaskModel, prepared: Prepared, truth: np.ndarray, hidden: np.ndarray, threshold: float) -> Sure:
    """Return of which share of the hidden labels the model is sure, and which share of those it is right about."""
    rows = torch.from_numpy(np.sort(hidden) + 1)
    chance = Scorer(model, prepared, torch.device("cpu")).outputs("rows", rows, ["label"])["label"][:, 0].numpy()
    sure = np.maximum(chance, 1 - chance) >= threshold
    right = ((chance > 0.5) == truth[np.sort(hidden)])[sure]
    return float(sure.mean()), float(right.mean()) if sure.any() else float("nan")


def main() -> None:
    """Train in every way over several seeds and print what each gained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--on", choices=("bank", "books"), default="books")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labels", type=int, default=100)
    asked = parser.parse_args()
    rows, *of = grounds(asked.folder.resolve(), asked.on)
    ground = (of[0], of[1], of[2])
    truth = np.array([value in (1, "yes") for value in rows[{"bank": "y", "books": "positive"}[asked.on]].to_pylist()])
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    sure: dict[str, list[Sure]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(asked.seeds):
            order = np.random.default_rng(seed).permutation(rows.num_rows)
            test, free = order[: rows.num_rows // 4], order[rows.num_rows // 4 :]
            part, seen = np.full(rows.num_rows, "train", dtype=object), np.zeros(rows.num_rows, dtype=bool)
            part[test], seen[test], seen[free[: asked.labels]] = "test", True, True
            told = rows.append_column("part", pa.array(part)).append_column("seen", pa.array(seen))
            pq.write_table(told, Path(cache) / f"{seed}.parquet")
            described = resolve(recipe_of(f"{seed}.parquet", ground, "plain", seed), base=Path(cache)).recipe
            prepared = prepare(described.schema_, Path(cache), Path(cache) / "prepared", build_texts(described))
            for way, settings in WAYS.items():
                model = trained(recipe_of(f"{seed}.parquet", ground, way, seed), prepared)
                found[way].append(quick("binary", on_test(model, prepared)[0]["label"], ground[2]))
                threshold = 0.95 if settings is None else settings.get("threshold", 0.95)
                sure[way].append(rightness(model, prepared, truth, free[asked.labels :], threshold))
            print(seed, {way: round(values[-1], 4) for way, values in found.items()}, flush=True)
    for way, values in found.items():
        against = mean_interval((np.array(values) - np.array(found["as many steps"])).tolist())
        much, right = np.nanmean(np.array(sure[way]), axis=0)
        gain = f"{against.value:+.4f} ({against.low:+.4f} to {against.high:+.4f})"
        print(f"| {way} | {np.mean(values):.4f} | {gain} | {much:.0%} | {right:.1%} |")


if __name__ == "__main__":
    main()
