"""The recipes of the benches: the model of the comparison on the census and on the generated table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from bench.tables import CENSUS_NUMBERS, census_columns

__all__ = ["Kind", "census_recipe", "generated_recipe", "write"]

Kind = Literal["mmoe", "shared_bottom"]
_SHARING: dict[str, dict[str, Any]] = {
    "mmoe": {"kind": "mmoe", "experts": 8, "expert": [256, 128]},
    "shared_bottom": {"kind": "shared_bottom", "layers": [256, 128]},
}
CENSUS_LABELS = {"income": "income = '50000+.'", "never_married": "marital_status = 'Never married'"}


def census_recipe(path: Path, kind: Kind = "mmoe", **train: object) -> dict[str, Any]:
    """Income and never married from 32 categorical and 7 numeric columns, split as published."""
    features: dict[str, Any] = {f"people.{name}": "ignore" for name in ("person_id", "part", "instance_weight")}
    features |= {f"people.{name}": "category" for name in census_columns(path)}
    features |= {f"people.{name}": "number" for name in CENSUS_NUMBERS}
    return {
        "name": "census",
        "tables": {"people": {"source": str(path), "id": "person_id"}},
        "features": features,
        "tasks": {name: {"table": "people", "kind": "binary", "label": label} for name, label in CENSUS_LABELS.items()},
        "split": {"by": "column", "column": "part", "valid": 0.1},
        "model": {"width": 16, "sharing": _SHARING[kind], "tower": [64]},
        "train": train,
    }


def generated_recipe(path: Path, kind: Kind = "mmoe", **train: object) -> dict[str, Any]:
    """Two labels of the generated table."""
    names = pq.read_schema(path).names
    features: dict[str, Any] = {f"shop.{name}": "category" for name in names if name[0] == "c"}
    features |= {f"shop.{name}": "number" for name in names if name[0] == "n"}
    labels = {"y0": "y0 = 1", "y1": "y1 = 1"}
    return {
        "name": "generated",
        "tables": {"shop": {"source": str(path)}},
        "features": features,
        "tasks": {name: {"table": "shop", "kind": "binary", "label": label} for name, label in labels.items()},
        "split": {"by": "random", "valid": 0.05, "test": 0.05},
        "model": {"width": 16, "sharing": _SHARING[kind], "tower": [64]},
        "train": train,
    }


def write(recipe: dict[str, Any], path: Path) -> Path:
    """Write a recipe where another process can read it; JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(recipe, indent=1), encoding="utf-8")
    return path
