"""A table of which few rows have a label, a second one beside it, and a key that sometimes leads nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write_sparse(folder: Path, rows: int = 240, every: int = 6) -> dict[str, Any]:
    """Write the tables and return the recipe; one row in `every` has labels. What is asked depends on age and job."""
    draw = np.random.default_rng(8)
    folder.mkdir(parents=True, exist_ok=True)
    age, job = draw.normal(size=rows), draw.integers(0, 3, rows)
    seen = np.arange(rows) % every == 0

    def some(values: list[Any]) -> pa.Array:
        return pa.array([value if there else None for value, there in zip(values, seen, strict=True)])

    people = {
        "age": age,
        "job": [("cook", "nurse", "judge")[i] for i in job],
        "town": pa.array([None if i % 5 == 0 else i % 4 for i in range(rows)]),
        "rich": some((age > 0.5).tolist()),
        "degree": some([("none", "school", "college")[i] for i in job]),
        "sports": some([["run", "swim"][: int(a > 0) + int(a > 1)] for a in age]),
        "loud": some((draw.random(rows) > 0.5).tolist()),
    }
    pq.write_table(pa.table(people), folder / "people.parquet")
    pq.write_table(pa.table({"town": range(4), "size": draw.normal(size=4)}), folder / "towns.parquet")
    visits = {"town": draw.integers(0, 4, 60), "hour": draw.normal(size=60), "late": draw.random(60) > 0.5}
    pq.write_table(pa.table(visits), folder / "visits.parquet")
    own = {"table": "people", "inputs": ["people.age", "people.job", "towns"]}
    pseudo = {"kind": "pseudo", "threshold": 0.6, "after": 0.0, "balanced": True}
    return {
        "name": "sparse",
        "tables": {
            "people": {"source": "people.parquet", "keys": {"town": "towns"}},
            "towns": {"source": "towns.parquet", "id": "town"},
            "visits": {"source": "visits.parquet", "keys": {"town": "towns"}},
        },
        "features": {
            "people.age": "number",
            "people.job": "category",
            "towns.town": "ignore",
            "towns.size": "number",
            "visits.hour": "number",
        },
        "tasks": {
            "rich": {**own, "kind": "binary", "label": "rich", "unlabelled": pseudo},
            "degree": {**own, "kind": "multiclass", "label": "degree", "unlabelled": {"kind": "consistency", "after": 0.0}},
            "sports": {**own, "kind": "multilabel", "label": "sports", "unlabelled": pseudo},
            "loud": {**own, "kind": "binary", "label": "loud"},
            "late": {"table": "visits", "kind": "binary", "label": "late", "inputs": ["visits.hour", "towns"]},
        },
        "split": {"by": "random", "valid": 0.1, "test": 0.1},
        "model": {"width": 4, "sharing": {"kind": "mmoe", "experts": 2, "expert": [8], "dropout": 0.1}, "tower": [4]},
        "train": {"epochs": 2, "batch": 32, "threads": 1, "precision": "fp32", "probes": 1, "patience": 9},
    }
