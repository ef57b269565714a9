"""Reviews of Chinese shops: praise or not, and what the review is about, from the same text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.texts.classes import Ground, compete
from bench.texts.contestants import Plain
from bench.texts.plan import Plan

__all__ = ["chinese"]

LONGEST: Final = 3
"""Runs of up to so many characters are read."""
MOST: Final = 400
"""How many different runs of one review are read, the first ones."""
_COMMON: Final = {"table": "rows", "inputs": ["rows.runs"]}
RECIPE: Final[dict[str, Any]] = {
    "name": "chinese",
    "tables": {"rows": {"source": "rows.parquet"}},
    "features": {
        "rows.runs": {"kind": "category", "min_count": 2, "most": MOST},
        **{f"rows.{name}": "ignore" for name in ("review", "part", "positive", "category")},
    },
    "tasks": {
        "positive": {**_COMMON, "kind": "binary", "label": "positive"},
        "category": {**_COMMON, "kind": "multiclass", "label": "category"},
    },
    "split": {"by": "column", "column": "part", "valid": 0.0},
    "model": {"width": 64, "sharing": {"kind": "shared_bottom", "layers": [128], "dropout": 0.3}, "tower": []},
    "balance": "fixed",
    "train": {"epochs": 5, "batch": 256, "learning_rate": 3e-3, "clip": 1.0, "probes": 0, "threads": 1},
}
"""Every run of characters has a vector of its own, and a review is their mean."""


def chinese(plan: Plan) -> dict[str, Any]:
    """Train on four fifths of the reviews and test on the rest; reviews with the same text stay together.

    The plain loop has no encoder to tune that reads Chinese, so only word counts and Plait are compared.
    """
    found = pq.read_table(plan.data / "chinese_reviews" / "shopping.parquet")
    texts = [(text or "").strip("\ufeff \n") for text in found["review"].to_pylist()]
    there = [place for place, text in enumerate(texts) if text]
    number = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    drawn = np.random.default_rng(17).random(len(number))
    part = np.array(["test" if drawn[number[text]] < 0.2 else "train" for text in texts], dtype=object)
    if plan.validate:
        held = np.array([0.2 <= drawn[number[text]] < 0.3 for text in texts])
        part[part == "test"], part[held] = "none", "test"
    if plan.rows:
        learned = np.random.default_rng(5).permutation(np.flatnonzero(part == "train"))
        part[learned[plan.rows :]] = "none"
    kept = [place for place in there if part[place] != "none"]
    rows = pa.table(
        {
            "review": [texts[place] for place in kept],
            "runs": [runs_of(texts[place]) for place in kept],
            "positive": found["label"].take(kept),
            "category": found["cat"].take(kept),
            "part": pa.array([part[place] for place in kept]),
        }
    )
    tasks: dict[str, Any] = {
        "positive": ("binary", "accuracy", 0.905),
        "category": ("multiclass", "accuracy", 0.85),
    }
    own = tuple(one for one in plan.contestants if one != "plain")
    return compete(
        Ground("chinese", rows, "review", tasks, RECIPE, Plain(), characters=True),
        replace(plan, contestants=own),
    )


def runs_of(text: str) -> list[str]:
    """List the different runs of characters in a text, the first ones first.

    Args:
        text: in any script; upper and lower case count as the same.
    """
    small = "".join(text.lower().split())
    found = dict.fromkeys(small[start : start + length] for start in range(len(small)) for length in range(1, LONGEST + 1))
    return list(found)[:MOST]
