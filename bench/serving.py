"""Ranking 200 candidates by four tasks: the run's own model, the bundle, and the bundle in 8 bits, behind the same route."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np

from bench.plan import Plan
from bench.processes import ROOT, module
from bench.service import Caller, Service
from plait.data.samples import cache_folder, fetch, recipe_text
from plait.export.command import export
from plait.export.options import Options
from plait.run.job import train
from plait.run.run import Run

__all__ = ["serving"]

CANDIDATES: Final = 200
_CHANGES: Final = (
    "train.epochs=1",
    "model.sharing={kind: mmoe, experts: 8, expert: [256, 128]}",
    "tasks.love={table: ratings, kind: binary, label: rating >= 5, given: like}",
    "tasks.hate={table: ratings, kind: binary, label: rating <= 2}",
)


def serving(plan: Plan) -> dict[str, Any]:
    """Race the backends: each in a process of its own with one thread, asked in turns by one caller who waits."""
    folder = plan.cache / "serving"
    run = _run(folder)
    places = {"eager": run.folder}
    for name, int8 in (("onnx", False), ("onnx int8", True)):
        places[name] = folder / name.replace(" ", "-")
        shutil.rmtree(places[name], ignore_errors=True)
        export(run, places[name], Options(int8=int8, loss=1.0))
    servers: dict[str, _Server | _Whole] = {name: _Server(place, name) for name, place in places.items()}
    for name in ("onnx", "onnx int8"):
        servers[f"{name}, whole service, `/v1/score`"] = _Whole(run, places[name], "/v1/score")
        servers[f"{name}, whole service, `/v1/rank`"] = _Whole(run, places[name], "/v1/rank")
    try:
        found = _race(servers, rounds=max(plan.rounds, 2), count=40 if plan.turn < 1 else 200)
    finally:
        for server in servers.values():
            server.stop()
    slow = found["eager"]
    for name, one in found.items():
        one["ratio"] = slow["p50"] / one["p50"]
        one["ratio_per_core"] = one["per_core"] / slow["per_core"]
        print(
            f"  {name:40} p50 {one['p50']:.2f} ms  p99 {one['p99']:.2f} ms  {one['per_core']:,.0f} requests/s of a core"
            f"  × {one['ratio']:.1f} p50, × {one['ratio_per_core']:.1f} per core"
        )
    serving_json = json.loads((places["onnx int8"] / "serving.json").read_text())
    return {"candidates": CANDIDATES, "backends": found, "compared": serving_json["compared"]}


def _run(folder: Path) -> Run:
    """Train the films with four tasks of a pair and the default body, for a moment: how fast it is does not depend on it."""
    place = folder / "run"
    if not (place / "manifest.json").exists():
        data = fetch("movies", cache_folder(), None)
        recipe = folder / "movies.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        recipe.write_text(recipe_text("movies"), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        train(recipe, place, changes=_CHANGES, base=data, alone=False)
    return Run(place)


class _Server:
    """One backend behind one route."""

    def __init__(self, folder: Path, name: str) -> None:
        how = "eager" if name == "eager" else "bundle"
        self._process = subprocess.Popen(
            [str(part) for part in module("bench.children.rank", folder, how)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_one_thread(),
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.users, self.items = said["users"], said["items"]
        self._client = Caller(f"http://127.0.0.1:{said['port']}")

    def ask(self, asked: dict[str, Any]) -> float:
        """Return the seconds a request took."""
        return self._client.post("/rank", asked)[0]

    def cpu(self) -> float:
        """Return the processor time it has used."""
        return float(self._client.get("/cpu"))

    def stop(self) -> None:
        """End the process."""
        self._client.close()
        self._process.kill()
        self._process.communicate()


class _Whole:
    """A bundle behind a route of `plait serve`, with its door, titles and all tasks."""

    def __init__(self, run: Run, bundle: Path, path: str) -> None:
        self._path = path
        self._users, self._items = _ids(run, "users"), _ids(run, "movies")
        self.users, self.items = len(self._users), len(self._items)
        self._service = Service(bundle)

    def ask(self, asked: dict[str, Any]) -> float:
        """Return the seconds a request took."""
        items = [self._items[row - 1] for row in asked["items"]]
        return self._service.ask(self._path, {"user": self._users[asked["user"] - 1], "items": items})

    def cpu(self) -> float:
        """Return the processor time it has used."""
        return self._service.cpu()

    def stop(self) -> None:
        """End the process."""
        self._service.stop()


def _ids(run: Run, table: str) -> list[str]:
    return [str(one) for one in run.prepared.every(table)[run.prepared.plan.id_column(table)].to_pylist()]


def _race(servers: Mapping[str, _Server | _Whole], rounds: int, count: int) -> dict[str, dict[str, float]]:
    draw = np.random.default_rng(17)
    some = next(iter(servers.values()))
    asked = [
        {"user": int(draw.integers(1, some.users + 1)), "items": (1 + draw.permutation(some.items)[:CANDIDATES]).tolist()}
        for _ in range(count)
    ]
    times: dict[str, list[float]] = {name: [] for name in servers}
    used = dict.fromkeys(servers, 0.0)
    for server in servers.values():
        for one in asked[:20]:
            server.ask(one)
    for _ in range(rounds):
        for name, server in servers.items():
            before = server.cpu()
            times[name] += [server.ask(one) for one in asked]
            used[name] += server.cpu() - before
    return {
        name: {
            "p50": 1_000 * median(taken),
            "p99": 1_000 * quantiles(taken, n=100)[98],
            "per_core": len(taken) / used[name],
        }
        for name, taken in times.items()
    }


def _one_thread() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}
