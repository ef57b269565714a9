"""A small shop whose products have titles that say what is liked, a tiny pretrained encoder, and the recipe of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from support.wordy import WORDS, bert, gpt

__all__ = ["opinions", "recipe_of"]

WORDY = {"bert": bert, "gpt": gpt}


def opinions(folder: Path, rows: int = 240, kind: str = "bert") -> Path:
    """Write visits.parquet, products.parquet and the folder `encoder`; two products have no title, many share one."""
    draw = np.random.default_rng(5)
    titles: list[str | None] = [" ".join(draw.choice(WORDS, draw.integers(1, 9))) for _ in range(24)]
    titles = [*titles, *titles[:6], None, " "]
    products, users = len(titles), 15
    pq.write_table(
        pa.table(
            {
                "id": [f"p{i}" for i in range(products)],
                "title": titles,
                "cheap": [float("dog" in (title or "")) for title in titles],
            }
        ),
        folder / "products.parquet",
    )
    item, other = draw.integers(0, products, (2, rows))
    said = np.array(["good" in (title or "") or "great" in (title or "") for title in titles])
    pq.write_table(
        pa.table(
            {
                "user": draw.integers(0, users, rows),
                "product": [f"p{i}" for i in item],
                "at": np.arange(rows),
                "note": [titles[i] for i in other],
                "liked": np.where(draw.random(rows) < 0.1, np.nan, said[item]),
                "stars": 1 + 2.0 * said[item] + draw.random(rows),
            }
        ),
        folder / "visits.parquet",
    )
    return WORDY[kind](folder / "encoder")


def recipe_of(encoder: Path, text: dict[str, object] | None = None, **changes: Any) -> dict[str, Any]:
    """Describe the shop: tasks `a` to `d` on two tables, a history and candidates whose rows have texts."""
    recipe: dict[str, Any] = {
        "name": "opinions",
        "tables": {
            "visits": {"source": "visits.parquet", "time": "at", "keys": {"product": "products"}},
            "products": {"source": "products.parquet", "id": "id"},
            "users": {"of": "visits.user"},
        },
        "features": {
            "products.title": "text",
            "visits.note": "text",
            "visits.user": "ignore",
            "visits.liked": "ignore",
            "visits.stars": "ignore",
            "products.cheap": "ignore",
            "products.id": "ignore",
            "users.user": "id",
            "users.seen": {"kind": "history", "of": "visits.product", "last": 3},
        },
        "tasks": {
            "a": {"table": "visits", "kind": "binary", "label": "liked", "inputs": ["products.title", "visits.note"]},
            "b": {"table": "visits", "kind": "regression", "label": "stars"},
            "d": {"table": "visits", "kind": "retrieval", "label": "product", "where": "liked = 1"},
            "c": {"table": "products", "kind": "binary", "label": "cheap", "inputs": ["products.title"]},
        },
        "model": {"text": {"model": str(encoder), "tune": "lora", **(text or {})}, "tower": [8], "width": 4},
        "train": {
            "epochs": 2, "batch": 32, "device": "cpu", "threads": 1, "precision": "fp32", "probes": 0, "negatives": 8,
        },
    }  # fmt: skip
    recipe["tables"]["visits"]["keys"]["user"] = "users"
    for key, values in changes.items():
        recipe[key] = {**recipe[key], **values} if isinstance(recipe.get(key), dict) else values
    return recipe
