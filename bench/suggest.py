"""What labels that `plait suggest` chooses are worth against labels of random rows: `python -m bench.suggest FOLDER`.

FOLDER holds `bank_marketing/calls.parquet` and `blitzer_reviews/books.parquet`. A task starts with few labels of random
rows, a model is trained on them, more rows are chosen by it, and a model trained on both says how much better it became on
rows that were never in question. Every seed draws its own start and its own test rows; all ways begin from the same model.
`margin` and `least_confident` are left out, since with two classes they put rows in the order of `entropy`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plait.measure import mean_interval
from plait.run.job import train
from plait.run.pool import pool_of
from plait.run.run import Run
from plait.run.suggest import By, suggest

MODEL = {
    "width": 8,
    "sharing": {"kind": "shared_bottom", "layers": [64]},
    "tower": [32],
    "text": {"model": "all-MiniLM-L6-v2"},
}
WAYS: list[By] = ["entropy", "diverse", "badge"]


def grounds(folder: Path, name: str) -> tuple[pa.Table, str, dict[str, Any], str]:
    """Read a data set: its rows, the column of its label, its features, and the figure to judge by."""
    if name == "bank":
        rows = pq.read_table(folder / "bank_marketing/calls.parquet").drop_columns(["duration"])
        rows = rows.rename_columns([name.replace(".", "_") for name in rows.column_names])
        return rows, "y = 'yes'", {"rows.y": "ignore"}, "auc"
    rows = pq.read_table(folder / "blitzer_reviews/books.parquet").select(["review", "positive"])
    return rows, "positive", {"rows.review": "text"}, "accuracy"


def once(
    place: Path, rows: pa.Table, ground: tuple[str, dict[str, Any], str], labelled: np.ndarray, test: np.ndarray, seed: int
) -> tuple[Run, float]:
    """Train on the labelled rows and measure on the test rows."""
    label, features, metric = ground
    part = np.full(rows.num_rows, "train", dtype=object)
    part[test] = "test"
    seen = np.zeros(rows.num_rows, dtype=bool)
    seen[labelled] = seen[test] = True
    place.mkdir(parents=True, exist_ok=True)
    pq.write_table(
        rows.append_column("part", pa.array(part)).append_column("seen", pa.array(seen)), place.parent / "rows.parquet"
    )
    recipe = {
        "name": "rows",
        "seed": seed,
        "tables": {"rows": {"source": "rows.parquet"}},
        "features": {**features, "rows.part": "ignore", "rows.seen": "ignore"},
        "tasks": {"label": {"table": "rows", "kind": "binary", "label": f"CASE WHEN seen THEN {label} END"}},
        "split": {"by": "column", "column": "part", "valid": 0.0},
        "model": MODEL,
        "train": {"epochs": 30, "patience": 30, "batch": 64},
    }
    run = train(recipe, place / "run", base=place.parent, alone=False)
    found = run.report.tasks["label"].joint[metric].value
    assert found is not None
    return run, found


def main() -> None:
    """Choose in every way over several seeds and print what each gained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--on", choices=("bank", "books"), default="books")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--start", type=int, default=100, help="labels of random rows at the start")
    parser.add_argument("--count", type=int, default=200, help="labels chosen then")
    asked = parser.parse_args()
    rows, *of = grounds(asked.folder.resolve(), asked.on)
    ground = (of[0], of[1], of[2])
    found: dict[str, list[float]] = {way: [] for way in ["start", "random", *WAYS]}
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(asked.seeds):
            order = np.random.default_rng(seed).permutation(rows.num_rows)
            test, start = order[: rows.num_rows // 4], order[rows.num_rows // 4 :][: asked.start]
            first, value = once(Path(cache) / f"{seed}-start", rows, ground, start, test, seed)
            found["start"].append(value)
            pool = pool_of(first, "label", None)
            chosen = {"random": order[rows.num_rows // 4 :][asked.start :][: asked.count]}
            chosen |= {way: suggest(first, "label", pool, asked.count, way)["row"].to_numpy() - 1 for way in WAYS}
            for way, more in chosen.items():
                both = np.concatenate([start, more])
                found[way].append(once(Path(cache) / f"{seed}-{way}", rows, ground, both, test, seed)[1])
            print(seed, {way: round(values[-1], 4) for way, values in found.items()}, flush=True)
    for way, values in found.items():
        against = mean_interval((np.array(values) - np.array(found["random"])).tolist())
        print(f"| {way} | {np.mean(values):.4f} | {against.value:+.4f} ({against.low:+.4f} to {against.high:+.4f}) |")


if __name__ == "__main__":
    main()
