"""What training and measuring gave → the report and the series behind its pictures."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, final

import plait
from plait.data.columns import PARTS, Prepared
from plait.measure import Gain, Outcome, combined, curve, evaluate, gain
from plait.recipe import Recipe
from plait.report.content import DataReport, Figure, GainFigure, Report, RuleReport, TaskReport, UnlabelledReport
from plait.report.figures import Cosine, DataSummary, Figures, Gate, LabelSummary, Weights
from plait.run.objective import objective
from plait.run.unlabelled import unlabelled_words
from plait.run.why import transfer_of
from plait.train.fitted import Fitted

__all__ = ["Measured", "figures_of", "metric_of", "report_of"]

_ONE_NUMBER: Final = ("binary", "relatedness", "regression", "amount")
_BINS: Final = 12


@final
@dataclass(frozen=True, slots=True)
class Measured:
    """Everything one job measured.

    Attributes:
        joint: task -> outcome of the joint model on the test part.
        alone: task -> outcome of the task trained alone; empty where that was not asked for.
        trees: task -> outcome of gradient-boosted trees, where asked for.
        fitted: how the joint training went.
        fitted_alone: task -> how its own training went.
        seconds: `prepare`, `train`, `evaluate`, `alone`, `trees`.
        parameters: learned numbers of the joint model.
        warnings: sentences for the reader.
        rules: what had to hold, and how often it did not.
        unlabelled: task -> what became of rows without a label, for those that learned from them.
    """

    joint: Mapping[str, Outcome]
    alone: Mapping[str, Outcome]
    trees: Mapping[str, Outcome]
    fitted: Fitted
    fitted_alone: Mapping[str, Fitted]
    seconds: Mapping[str, float]
    parameters: int
    warnings: list[str] = field(default_factory=list)
    rules: Mapping[str, RuleReport] = field(default_factory=dict)
    unlabelled: Mapping[str, UnlabelledReport] = field(default_factory=dict)


def metric_of(recipe: Recipe, task: str) -> str:
    """Return the figure that decides a task."""
    return recipe.metric(task)


def report_of(recipe: Recipe, prepared: Prepared, measured: Measured) -> Report:
    """Put the report together."""
    gains = {
        name: gain(recipe.tasks[name].kind, metric_of(recipe, name), measured.joint[name], alone, recipe.seed)
        for name, alone in measured.alone.items()
    }
    tasks = {name: _task(recipe, prepared, measured, name, gains.get(name)) for name in recipe.tasks}
    mean = combined(gains.values())
    counts = {part: _examples(prepared, part) for part in PARTS}
    return Report(
        plait=plait.__version__,
        recipe=recipe.name,
        seed=recipe.seed,
        data=DataReport(rows={name: table.rows for name, table in prepared.layout.tables.items()}, **counts),
        seconds={name: round(value, 3) for name, value in measured.seconds.items()},
        examples_per_second=round(measured.fitted.examples_per_second, 1),
        parameters=measured.parameters,
        trained=min(measured.fitted.trained, measured.parameters),
        tasks=tasks,
        gain=None if math.isnan(mean) else mean,
        hurt=[name for name, found in gains.items() if found.verdict == "worse"],
        rules=dict(measured.rules),
        warnings=measured.warnings,
        machine=f"{platform.machine()}, {os.cpu_count()} cores, {measured.fitted.device}, {measured.fitted.precision}",
        how=_how(recipe, measured),
    )


def figures_of(recipe: Recipe, prepared: Prepared, measured: Measured) -> Figures:
    """Put the series behind the pictures together."""
    fitted = measured.fitted
    held: Literal["valid", "train"] = "valid" if any(len(prepared.rows(name, "valid")) for name in recipe.tasks) else "train"
    curves: dict[str, dict[str, list[tuple[int, float | None]]]] = {}
    calibration: dict[str, dict[str, list[tuple[float, float, int]]]] = {}
    for name, task in recipe.tasks.items():
        sides = {"joint": fitted, **({"alone": measured.fitted_alone[name]} if name in measured.fitted_alone else {})}
        curves[name] = {side: list(enumerate(found.curves[name].scores, 1)) for side, found in sides.items()}
        outcomes = {"joint": measured.joint[name], **({"alone": measured.alone[name]} if name in measured.alone else {})}
        if task.kind in _ONE_NUMBER and all(outcome.prediction.shape[1] == 1 for outcome in outcomes.values()):
            calibration[name] = {side: curve(o.prediction[:, 0], o.label[:, 0], _BINS) for side, o in outcomes.items()}
    return Figures(
        curves=curves,
        losses={name: list(enumerate(found.losses, 1)) for name, found in fitted.curves.items()},
        calibration=calibration,
        gates={level: _gate(uses) for level, uses in fitted.gates.items()},
        cosine=_cosine(fitted),
        weights=_weights(fitted),
        transfer=transfer_of(fitted, recipe.train.learning_rate, held),
        data=_summary(recipe, prepared),
    )


def _task(recipe: Recipe, prepared: Prepared, measured: Measured, name: str, found: Gain | None) -> TaskReport:
    task = recipe.tasks[name]
    sides = {
        side: {metric: Figure.of(interval) for metric, interval in evaluate(task.kind, outcome, recipe.seed).items()}
        for side, outcomes in (("joint", measured.joint), ("alone", measured.alone), ("trees", measured.trees))
        if (outcome := outcomes.get(name)) is not None
    }
    epochs = {"joint": measured.fitted.best_epoch}
    if name in measured.fitted_alone:
        epochs["alone"] = measured.fitted_alone[name].best_epoch
    return TaskReport(
        kind=task.kind,
        metric=metric_of(recipe, name),
        joint=sides.get("joint", {}),
        alone=sides.get("alone", {}),
        trees=sides.get("trees", {}),
        gain=None if found is None else GainFigure.of(found),
        table=task.table,
        examples={part: len(prepared.rows(name, part)) for part in PARTS},
        epochs=epochs,
        objective=objective(task),
        unlabelled=measured.unlabelled.get(name),
    )


def _examples(prepared: Prepared, part: str) -> int:
    """Count the rows of a part over the tables that have tasks."""
    tables = dict.fromkeys(task.table for task in prepared.layout.tasks.values())
    return sum(int((prepared.tables[name].part == PARTS[part]).sum()) for name in tables)


def _how(recipe: Recipe, measured: Measured) -> dict[str, str]:
    split, train = recipe.split, recipe.train
    by = {"column": f"column `{split.column}`", "last": f"the last {split.n} rows of each user"}.get(
        split.by, f"by {split.by}"
    )
    shares = "" if split.by in ("column", "last") else f", {split.valid:.0%} validation, {split.test:.0%} test"
    return {
        "Split": by + shares,
        "Choice": "the epoch and everything else is chosen on the validation part; all figures here are of the test part",
        "Alone": "the same model with one task only: same size, same rows per step, same number of passes at most"
        if measured.alone
        else "not trained (--no-alone)",
        "Intervals": "95 % bootstrap over test examples, or over users or lists where a task has them; gains in pairs",
        "Training": f"{measured.fitted.epochs} epochs of at most {train.epochs}, {train.batch:,} rows a step",
        "Sharing and balancing": f"{recipe.model.sharing.kind}, {recipe.balance.kind}",
        **{f"Without `{name}`": unlabelled_words(found) for name, found in measured.unlabelled.items()},
    }


def _gate(uses: Mapping[str, list[float]]) -> Gate:
    experts = max((len(use) for use in uses.values()), default=0)
    return Gate(
        experts=[str(number) for number in range(1, experts + 1)], tasks={name: list(use) for name, use in uses.items()}
    )


def _cosine(fitted: Fitted) -> Cosine:
    names = fitted.tasks
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    return Cosine(
        steps=[found.step for found in fitted.cosines],
        pairs={f"{names[i]} | {names[j]}": [found.between[i][j] for found in fitted.cosines] for i, j in pairs},
        epochs=[found.epoch for found in fitted.cosines if found.epoch],
        parts={
            part: _met(fitted, part, pairs) for part in dict.fromkeys(p for found in fitted.cosines for p in found.parts)
        },
    )


def _met(fitted: Fitted, part: str, pairs: Sequence[tuple[int, int]]) -> dict[str, list[float | None]]:
    """Return the cosines at one part of the pairs that ever meet there."""
    found: dict[str, list[float | None]] = {}
    for i, j in pairs:
        values = [probe.parts[part][i][j] if part in probe.parts else math.nan for probe in fitted.cosines]
        if not all(math.isnan(value) for value in values):
            found[f"{fitted.tasks[i]} | {fitted.tasks[j]}"] = list(values)
    return found


def _weights(fitted: Fitted) -> Weights:
    epochs = max((len(found.weights) for found in fitted.curves.values()), default=0)
    return Weights(
        steps=list(range(1, epochs + 1)), tasks={name: list(found.weights) for name, found in fitted.curves.items()}
    )


def _summary(recipe: Recipe, prepared: Prepared) -> DataSummary:
    layout = prepared.layout
    kinds = [feature.kind for table in layout.tables.values() for feature in table.features]
    kinds += ["history"] * len(prepared.histories)
    labels = {}
    for name, task in layout.tasks.items():
        ranked: list[tuple[str, float | None]] = sorted(
            zip(task.classes, task.class_rate, strict=False), key=lambda pair: -(pair[1] or 0.0)
        )
        values = task.kind in ("regression", "amount", "ranking")
        known = values or task.kind in ("binary", "relatedness")
        labels[name] = LabelSummary(mean=task.mean if known else None, std=task.std if values else None, classes=ranked[:20])
    return DataSummary(
        rows={name: table.rows for name, table in layout.tables.items()},
        splits={name: {part: len(prepared.rows(name, part)) for part in PARTS} for name in recipe.tasks},
        labels=labels,
        features={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    )
