"""Reviews of books and of films: praise or not, learned from books and tested on films."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.texts.classes import Ground, compete
from bench.texts.contestants import Plain
from bench.texts.plan import Plan

__all__ = ["blitzer"]

_COMMON: Final = {"table": "rows", "inputs": ["rows.words"]}
RECIPE: Final[dict[str, Any]] = {
    "name": "blitzer",
    "tables": {"rows": {"source": "rows.parquet"}},
    "features": {"rows.words": "text", "rows.part": "ignore", "rows.positive": "ignore", "rows.stars": "ignore"},
    "tasks": {
        "positive": {**_COMMON, "kind": "binary", "label": "positive"},
        "stars": {**_COMMON, "kind": "ordinal", "label": "stars"},
    },
    "split": {"by": "column", "column": "part", "valid": 0.0},
    "model": {
        "vector_width": 384,
        "sharing": {"kind": "shared_bottom", "layers": [256]},
        "tower": [],
        "text": {"tune": "full", "max_tokens": 192, "learning_rate": 1e-4},
    },
    "balance": "uncertainty",
    "train": {"epochs": 1, "batch": 16, "learning_rate": 1e-3, "warmup": 0.1, "clip": 1.0, "probes": 0, "threads": 1},
}


def blitzer(plan: Plan) -> dict[str, Any]:
    """Train on all 2,000 reviews of books, title and text, and test on all 2,000 of films.

    To choose settings a fifth of the books is tested on, and no film is read.
    """
    books, films = (_read(plan.data / "blitzer_reviews" / f"{name}.parquet") for name in ("books", "dvd"))
    order = np.random.default_rng(17).permutation(books.num_rows)
    part = np.full(books.num_rows, "train", dtype=object)
    if plan.validate:
        part[order[: len(order) // 5]] = "test"
        rows = books.append_column("part", pa.array(part))
    else:
        films = films.append_column("part", pa.array(["test"] * films.num_rows))
        rows = pa.concat_tables([books.append_column("part", pa.array(part)), films])
    if plan.rows:
        kept = np.isin(np.arange(rows.num_rows), order[-plan.rows :]) | (np.array(rows["part"].to_pylist()) == "test")
        rows = rows.filter(pa.array(kept))
    return compete(
        Ground("blitzer", rows, "words", {"positive": ("binary", "accuracy", 0.83)}, RECIPE, Plain(tokens=192, batch=16)),
        plan,
    )


def _read(path: Path) -> pa.Table:
    found = pq.read_table(path).replace_schema_metadata()
    title, review = (pc.fill_null(found[name].cast(pa.string()), "") for name in ("title", "review"))
    words = pc.binary_join_element_wise(title, review, ". ")
    return pa.table({"words": words, "positive": found["positive"], "stars": found["rating"].cast(pa.int64())})
