"""Train one model, joint or alone, and keep it: a phase that is done is never done again by `--resume`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import final

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save

from plait.data.columns import Prepared
from plait.measure import Outcome, larger_is_better, quick
from plait.model import MultiTaskModel
from plait.recipe import Recipe
from plait.run.build import build_balance, build_model, resampled
from plait.run.content import metric_of
from plait.run.manifest import write_file
from plait.run.outcomes import Scorer
from plait.train.fitted import Fitted
from plait.train.loop import Goal, fit
from plait.train.precision import autocast, choose_device, choose_precision, fast_products
from plait.train.protocol import Trainable
from plait.train.watch import Watch

__all__ = ["Trained", "goal_of", "on_test", "only", "train_phase"]


@final
@dataclass(frozen=True, slots=True)
class Trained:
    """One trained model on the CPU, and how its training went."""

    model: MultiTaskModel
    fitted: Fitted
    outcomes: dict[str, Outcome]
    """Per task its predictions on the test part, in fp32."""
    evaluated: float
    """Seconds the test part took."""


def only(prepared: Prepared, task: str) -> Prepared:
    """Return prepared tables in which there is one task."""
    layout = prepared.layout
    groups = [g.model_copy(update={"tasks": [task]}) for g in layout.groups if task in g.tasks]
    rules = {name: rule for name, rule in layout.rules.items() if rule.task == task}
    update = {"tasks": {task: layout.tasks[task]}, "groups": groups, "rules": rules}
    return replace(prepared, layout=layout.model_copy(update=update))


def train_phase(recipe: Recipe, prepared: Prepared, folder: Path, resume: bool, watch: Watch) -> Trained:
    """Train the model of a recipe, or take it from `folder` where that was done before.

    Args:
        recipe: what to train.
        prepared: its tables.
        folder: where this phase keeps its checkpoints, and its weights when it is done.
        resume: go on where a stopped training left off.
        watch: hears how it goes.
    """
    prepared = resampled(recipe, prepared)
    model = build_model(recipe, prepared.layout)
    done = folder / "fitted.json"
    if resume and done.exists():
        model.settle()
        model.load_state_dict(load_file(folder / "weights.safetensors"))
        fitted = TypeAdapter(Fitted).validate_python(json.loads(done.read_text()))
    else:
        fitted = fit(
            model,
            prepared,
            build_balance(recipe, prepared.layout),
            recipe.train,
            seed=recipe.seed,
            out=folder,
            resume=resume,
            watch=watch,
            goal=goal_of(recipe, prepared),
        )
        model.settle()
        write_file(folder / "weights.safetensors", save(model.state_dict()))
        write_file(done, json.dumps(asdict(fitted)))
    outcomes, seconds = on_test(model, prepared)
    return Trained(model, fitted, outcomes, seconds)


def goal_of(recipe: Recipe, prepared: Prepared) -> Goal:
    """Say what training is for: every task's deciding figure on the validation part."""
    device = choose_device(recipe.train.device)
    precision = choose_precision(recipe.train.precision, device)

    def evaluate(model: Trainable) -> dict[str, float]:
        assert isinstance(model, MultiTaskModel)
        with autocast(precision, device):
            outcomes = Scorer(model, prepared, device).outcomes("valid")
        return {name: quick(recipe.tasks[name].kind, outcome, metric_of(recipe, name)) for name, outcome in outcomes.items()}

    return Goal(evaluate, {name: larger_is_better(metric_of(recipe, name)) for name in recipe.tasks})


def on_test(model: MultiTaskModel, prepared: Prepared) -> tuple[dict[str, Outcome], float]:
    """Predict the test part in fp32 on the CPU, as `plait predict` will."""
    from time import perf_counter

    start = perf_counter()
    cpu = torch.device("cpu")
    with fast_products(cpu):
        outcomes = Scorer(model, prepared, cpu).outcomes("test")
    return outcomes, perf_counter() - start
