"""Recommending among 100,000 items, from the socket to the socket: how quick at seven tenths of what the service can do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.load import closed, offered, post
from bench.machine import threads
from bench.plan import Plan
from bench.service import Service
from plait.export.command import export
from plait.export.options import Options
from plait.run.job import train
from plait.run.run import Run

__all__ = ["recommending"]

ITEMS: Final = 100_000
USERS: Final = 5_000
EVENTS: Final = 300_000
SHARE: Final = 0.7


def recommending(plan: Plan) -> dict[str, Any]:
    """Measure what a worker for each core can answer, then offer a share of it at random moments."""
    bundle = _bundle(plan.cache / "recommending")
    draw = np.random.default_rng(17)
    asked = [post("/v1/recommend", {"user": f"u{n}", "count": 10}) for n in draw.integers(0, USERS, 2_000)]
    seconds = 3.0 if plan.turn < 1 else 20.0
    workers = threads()
    with Service(bundle, "--workers", str(workers)) as service:
        closed(service.address, asked, 2 * workers, 3.0)
        capacity = closed(service.address, asked, 4 * workers, seconds).per_second()
        load = offered(service.address, asked, SHARE * capacity, seconds)
    found = {
        "items": ITEMS,
        "share": SHARE,
        "workers": workers,
        "capacity": capacity,
        "p50": 1_000 * load.quantile(0.5),
        "p95": 1_000 * load.quantile(0.95),
        "p99": 1_000 * load.quantile(0.99),
        "late": 1_000 * load.late(),
        "statuses": {str(status): count for status, count in load.statuses().items()},
    }
    print(
        f"  capacity {capacity:.0f} requests/s; at {SHARE} of it p50 {found['p50']:.1f} ms, p95 {found['p95']:.1f} ms, "
        f"p99 {found['p99']:.1f} ms; statuses {found['statuses']}"
    )
    return found


def _bundle(folder: Path) -> Path:
    """Train two tasks of people with things for a moment, and export them: how quick it is does not depend on how good."""
    bundle = folder / "bundle-int8"
    if (bundle / "manifest.json").exists():
        return bundle
    shutil.rmtree(folder, ignore_errors=True)
    tables = folder / "tables"
    tables.mkdir(parents=True)
    draw = np.random.default_rng(5)
    who, what = draw.integers(0, USERS, EVENTS), (draw.pareto(1.2, EVENTS) * 500).astype(np.int64) % ITEMS
    columns = {
        "people": {"person": [f"u{n}" for n in range(USERS)], "age": draw.integers(18, 80, USERS)},
        "things": {
            "thing": [f"t{n}" for n in range(ITEMS)],
            "kind": draw.choice([f"k{n}" for n in range(50)], ITEMS),
            "price": draw.lognormal(3, 1, ITEMS),
        },
        "events": {
            "person": [f"u{n}" for n in who],
            "thing": [f"t{n}" for n in what],
            "bought": draw.integers(0, 2, EVENTS),
            "time": np.sort(draw.integers(0, 10_000_000, EVENTS)).astype("datetime64[s]"),
        },
    }
    for name, content in columns.items():
        pq.write_table(pa.table(content), tables / f"{name}.parquet")
    recipe = {
        "name": "things",
        "tables": {
            "events": {"source": "events.parquet", "time": "time", "keys": {"person": "people", "thing": "things"}},
            "people": {"source": "people.parquet", "id": "person"},
            "things": {"source": "things.parquet", "id": "thing"},
        },
        "features": {"people.recent": {"kind": "history", "of": "events.thing", "last": 50}},
        "tasks": {
            "buy": {"table": "events", "kind": "binary", "label": "bought"},
            "next": {"table": "events", "kind": "retrieval", "label": "thing"},
        },
        "train": {"epochs": 1, "batch": 4_096},
    }
    run: Run = train(recipe, folder / "run", base=tables, alone=False)
    export(run, bundle, Options(int8=True, loss=1.0))
    return bundle
