"""Reviews of women's clothing: would she recommend it, are they five stars, and which department is it about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.texts.classes import Ground, compete
from bench.texts.contestants import Plain
from bench.texts.plan import Plan
from plait.data.samples import cache_folder, fetch
from plait.schema import TaskKind

__all__ = ["clothing", "clothing_all"]

SHARE: Final = 4000
"""Rows that all three contestants are trained on."""
TASKS: Final[dict[str, tuple[TaskKind, str, float | None]]] = {
    "recommended": ("binary", "auc", 0.96),
    "five": ("binary", "auc", 0.91),
    "department": ("multiclass", "accuracy", 0.88),
}
"""Task -> kind, figure, and what it should reach where all rows train."""
_COMMON: Final = {"table": "rows", "inputs": ["rows.review"]}
RECIPE: Final[dict[str, Any]] = {
    "name": "clothing",
    "tables": {"rows": {"source": "rows.parquet"}},
    "features": {
        "rows.review": "text",
        **{f"rows.{name}": "ignore" for name in ("part", "recommended", "five", "stars", "department", "class")},
    },
    "tasks": {
        "recommended": {**_COMMON, "kind": "binary", "label": "recommended"},
        "five": {**_COMMON, "kind": "binary", "label": "five"},
        "department": {**_COMMON, "kind": "multiclass", "label": "department"},
        "stars": {**_COMMON, "kind": "ordinal", "label": "stars"},
        "class": {**_COMMON, "kind": "multiclass", "label": "class"},
    },
    "split": {"by": "column", "column": "part", "valid": 0.0},
    "model": {
        "vector_width": 384,
        "sharing": {"kind": "shared_bottom", "layers": [256]},
        "tower": [],
        "text": {"tune": "full", "max_tokens": 64, "learning_rate": 1e-4},
    },
    "balance": "uncertainty",
    "train": {"epochs": 2, "batch": 16, "learning_rate": 1e-3, "warmup": 0.1, "clip": 1.0, "probes": 0, "threads": 1},
}
"""Stars and classes of items are learned too: every shop has them."""


def clothing(plan: Plan) -> dict[str, Any]:
    """Train all three contestants on the same share of the rows, and test them on the whole test part."""
    ground = _ground("clothing", plan, plan.rows or SHARE)
    return compete(replace(ground, tasks={name: (kind, metric, None) for name, (kind, metric, _) in TASKS.items()}), plan)


def clothing_all(plan: Plan) -> dict[str, Any]:
    """Train Plait's one model and word counts on all training rows, read further."""
    own = tuple(one for one in plan.contestants if one != "plain")
    changes = ("model.text.max_tokens=128", *plan.changes)
    return compete(_ground("clothing all", plan, plan.rows), replace(plan, contestants=own, changes=changes))


def _ground(name: str, plan: Plan, share: int | None) -> Ground:
    """Return reviews with words and a department: a fifth tests, of the rest `share` rows train."""
    found = pq.read_table(fetch("clothing", cache_folder()) / "reviews.parquet")
    found = found.filter(pc.and_(pc.is_valid(found["review"]), pc.is_valid(found["department"])))
    order = np.random.default_rng(17).permutation(found.num_rows)
    fifth = found.num_rows // 5
    test, free = order[:fifth], order[fifth:]
    if plan.validate:
        test, free = free[-fifth // 2 :], free[: -fifth // 2]
    part = np.full(found.num_rows, "none", dtype=object)
    part[test], part[free[:share]] = "test", "train"
    five = pc.equal(found["stars"], 5).cast(pa.int64())
    rows = found.select(["review", "recommended", "stars", "department", "class"]).append_column("five", five)
    rows = rows.append_column("part", pa.array(part)).filter(pa.array(part != "none"))
    return Ground(name, rows, "review", TASKS, RECIPE, Plain(tokens=64, batch=16))
