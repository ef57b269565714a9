"""Do gates collapse, and what helps: `python -m bench.gates`. MMoE with each remedy of the literature, on two tables.

Prints per remedy the deciding metric on the validation part, and how the gates use the experts: the effective number of
experts (exp of the entropy of a task's mean gate), the share of experts that no task gives a tenth of its even share, and
the mean weight of the expert that an example leans on most. `docs/decisions/0011-gates.md` reads the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from bench.plan import FULL
from bench.recipes import census_recipe
from bench.tables import census
from plait.balance import Balancer
from plait.data.prepare import prepare
from plait.measure import larger_is_better, quick
from plait.model import MultiTaskModel
from plait.recipe import load_recipe
from plait.run.build import build_balance, build_model
from plait.run.content import metric_of
from plait.run.outcomes import Scorer
from plait.run.resolve import resolve
from plait.share import MMoE, Sharing
from plait.share.expert import Gate, cast_once, layers, mixture, normalised
from plait.train.loop import Goal, fit
from plait.train.settings import Train
from plait.train.supply import Supply

REMEDIES: dict[str, dict[str, Any]] = {
    "none": {},
    "random start": {"start": "random"},
    "gate dropout .1": {"gate_dropout": 0.1},
    "importance .01": {"importance": 0.01},
    "importance .1": {"importance": 0.1},
    "z-loss .001": {"z": 0.001},
    "normalised experts": {"normalise": True},
    "normalised, importance .01": {"normalise": True, "importance": 0.01},
}


class Remedied(Sharing):
    """MMoE with every remedy as a switch."""

    def __init__(self, width_in: int, tasks: int, settings: MMoE.Settings, **chosen: Any) -> None:
        super().__init__()
        self.width = settings.expert[-1]
        self.importance, self.z = chosen.get("importance", 0.0), chosen.get("z", 0.0)
        self.experts = nn.ModuleList(layers(width_in, settings.expert, settings.dropout) for _ in range(settings.experts))
        if chosen.get("normalise"):
            self.experts = nn.ModuleList(normalised(expert) for expert in self.experts)
        self.gate = nn.ModuleList(Gate(width_in, settings.experts, chosen.get("gate_dropout", 0.0)) for _ in range(tasks))
        if chosen.get("start") == "random":
            for gate in self.gate:
                gate.linear.reset_parameters()
        self.added: list[Tensor] = []

    def forward(self, x: Tensor, tasks: Any, domains: Any = None) -> Tensor:
        joint = cast_once(x[0])
        weights = [self.gate[task](joint) for task in tasks]
        if self.training and torch.is_grad_enabled() and self.importance:
            for weight in weights:
                use = weight.mean(0)
                self.added.append(self.importance * use.var(unbiased=False) / use.mean().square())
        if self.training and torch.is_grad_enabled() and self.z:
            for task in tasks:
                logits = self.gate[task].linear(joint).float()
                self.added.append(self.z * torch.logsumexp(logits, 1).square().mean())
        return mixture([expert(joint) for expert in self.experts], weights)

    @torch.no_grad()
    def weights(self, x: Tensor, tasks: Any) -> list[Tensor]:
        return [self.gate[task](x[0]) for task in tasks]

    def penalty(self) -> Tensor | None:
        found, self.added = self.added, []
        return torch.stack(found).sum() if found else None


def synthetic(cache: Path) -> dict[str, Any]:
    """Write 60,000 rows with four tasks: two alike, one that contradicts them on half of the rows, one apart."""
    path = cache / "gates-synthetic.parquet"
    if not path.exists():
        rng = np.random.default_rng(5)
        x = rng.normal(size=(60_000, 24)).astype(np.float32)
        hidden = np.tanh(x[:, :12] @ rng.normal(size=(12, 16)) / 2)
        apart = np.tanh(x[:, 12:] @ rng.normal(size=(12, 16)) / 2)
        one, two = rng.normal(size=(2, 16))
        score = {
            "a": hidden @ one,
            "b": hidden @ (one + 0.3 * two),
            "c": hidden @ one * np.where(x[:, 12] > 0, -1, 1),
            "d": apart @ two,
        }
        columns: dict[str, Any] = {f"n{i:02d}": x[:, i] for i in range(24)}
        columns |= {f"y_{n}": (s + rng.logistic(size=len(s)) > 0).astype(np.int64) for n, s in score.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
    return {
        "name": "synthetic",
        "tables": {"rows": {"source": str(path)}},
        "features": {f"rows.n{i:02d}": "number" for i in range(24)},
        "tasks": {n: {"table": "rows", "kind": "binary", "label": f"y_{n} = 1"} for n in "abcd"},
        "split": {"by": "random", "valid": 0.2, "test": 0.1},
        "model": {"sharing": {"kind": "mmoe", "experts": 8, "expert": [64, 32]}, "tower": [32]},
        "train": {"epochs": 4},
    }


def run(recipe: dict[str, Any], seed: int, chosen: dict[str, Any], cache: Path) -> dict[str, Any]:
    """Train once; return the validation figures and how the gates stand."""
    settled = resolve(load_recipe({**recipe, "seed": seed}), (), Path.cwd())
    found = prepare(settled.recipe.schema_, settled.base, cache, None, None)
    model = build_model(settled.recipe, found.layout)
    settings = settled.recipe.model.sharing
    assert isinstance(settings, MMoE.Settings)
    torch.manual_seed(seed)
    body = Remedied(model.encoder.width, len(found.layout.tasks), settings, **chosen)
    model.sharing = body
    balancer: Balancer = build_balance(settled.recipe, found.layout)
    cpu = torch.device("cpu")

    def evaluate(trained: Any) -> dict[str, float]:
        outcomes = Scorer(trained, found, cpu).outcomes("valid")
        tasks = settled.recipe.tasks
        return {n: quick(tasks[n].kind, o, metric_of(settled.recipe, n)) for n, o in outcomes.items()}

    larger = {n: larger_is_better(metric_of(settled.recipe, n)) for n in settled.recipe.tasks}
    fitted = fit(model, found, balancer, settled.recipe.train, goal=Goal(evaluate, larger), seed=seed)
    return {"scores": fitted.scores, "seconds": fitted.seconds, **_use(model, body, found)}


@torch.no_grad()
def _use(model: MultiTaskModel, body: Remedied, found: Any) -> dict[str, float]:
    supply = Supply(found, Train.Settings(), 1, 0, torch.device("cpu"))
    model.eval()
    effective, loads, peaks = [], [], []
    for batch in supply.every_table(4096):
        encoded = model.encoder(batch)
        for group in model.layout.groups:
            tasks = [model.names.index(name) for name in group.tasks]
            for weight in body.weights(model.encoder.joint_input(batch, group, encoded), tasks):
                load = weight.mean(0)
                loads.append(load)
                effective.append(float(torch.exp(-(load * load.clamp(min=1e-9).log()).sum())))
                peaks.append(float(weight.max(1).values.mean()))
    even = 1 / loads[0].shape[0]
    dead = float((torch.stack(loads).max(0).values < 0.1 * even).float().mean())
    return {"effective": min(effective), "dead": dead, "peak": max(peaks)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gates", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--rate", type=float, default=None, help="learning rate")
    parser.add_argument("--data", nargs="*", default=["census", "synthetic"])
    parser.add_argument("--only", nargs="*", default=list(REMEDIES))
    asked = parser.parse_args()
    cache = FULL.cache / "gates"
    recipes = {
        "census": lambda: census_recipe(census(), "mmoe", epochs=2),
        "synthetic": lambda: synthetic(cache),
    }
    for data in asked.data:
        recipe = recipes[data]()
        if asked.epochs:
            recipe["train"]["epochs"] = asked.epochs
        if asked.rate:
            recipe["train"]["learning_rate"] = asked.rate
        plain: list[dict[str, Any]] = []
        for name in asked.only:
            seen = [run(recipe, seed, REMEDIES[name], cache / data) for seed in range(17, 17 + asked.seeds)]
            plain = plain or seen
            print(json.dumps({"data": data, "remedy": name, **_summary(seen, plain)}, ensure_ascii=False), flush=True)


def _summary(seen: list[dict[str, Any]], plain: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the seeds with their standard deviations; for the metrics, those of the differences to no remedy."""

    def both(values: list[float]) -> str:
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        return f"{statistics.mean(values):.4f} ±{spread:.4f}"

    told: dict[str, Any] = {}
    for task in seen[0]["scores"]:
        scores, before = ([each["scores"][task] for each in some] for some in (seen, plain))
        told[task] = both(scores)
        told[f"{task} gained"] = both([new - old for new, old in zip(scores, before, strict=True)])
    return told | {name: both([each[name] for each in seen]) for name in ("effective", "dead", "peak", "seconds")}


if __name__ == "__main__":
    main()
