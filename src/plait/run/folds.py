"""K-fold cross-validation: K runs, each testing another part of the rows, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from plait.errors import RecipeError
from plait.measure import Gain, combine
from plait.progress import Tell
from plait.recipe import load_recipe
from plait.report.content import GainFigure, Report
from plait.report.words import metric_name, number, percent
from plait.run.job import train
from plait.run.manifest import NAME, write_file
from plait.run.run import load

__all__ = ["train_folds"]


def train_folds(
    recipe: Path, out: Path, folds: int, *, changes: Sequence[str], alone: bool, resume: bool, tell: Tell | None
) -> tuple[list[str], object]:
    """Train K runs and bring their figures together.

    A split by user stays one by user; every other becomes random, since each row has to test once.

    Args:
        recipe: the recipe file.
        out: holds one run folder per fold, and `folds.json`.
        folds: K, 2 or more.
        changes: overrides such as `train.epochs=5`.
        alone: train every task alone too.
        resume: keep folds that are finished, and go on with the one that is not.
        tell: hears of progress.

    Returns:
        Lines for people, and the summary as data.

    Raises:
        RecipeError: fewer than two folds.
    """
    if folds < 2:
        raise RecipeError(f"`--folds` should be 2 or more, since one part tests and the others train. Found {folds}.")
    by = "user" if load_recipe(recipe, changes).split.by == "user" else "random"
    reports = []
    for fold in range(folds):
        folder = out / f"fold-{fold + 1}"
        own = [*changes, f"split.by={by}", f"split.folds={folds}", f"split.fold={fold}"]
        if resume and (folder / NAME).exists():
            reports.append(load(folder).report)
        else:
            started = resume and folder.exists()
            reports.append(train(recipe, folder, changes=own, resume=started, alone=alone, tell=tell).report)
    summary = {name: _together(reports, name) for name in reports[0].tasks}
    write_file(out / "folds.json", json.dumps({"folds": folds, "split": by, "tasks": summary}, indent=1))
    lines = [f"{folds} folds, split by {by}: mean over folds ± standard deviation"]
    for name, found in summary.items():
        joint, gain = found["joint"], found["gain"]
        line = f"{name:20} {metric_name(str(found['metric'])):14} {_spread(joint)}"
        lines.append(line + (f"   gain {percent(gain['value'])}, {gain['verdict']}" if isinstance(gain, dict) else ""))
    return lines, {"folds": folds, "split": by, "tasks": summary}


def _together(reports: Sequence[Report], name: str) -> dict[str, object]:
    """Return one task's figure over the folds, jointly and alone, and its gain."""
    tasks = [report.tasks[name] for report in reports]
    metric = tasks[0].metric
    gains = [_gain(task.gain) for task in tasks if task.gain is not None and task.gain.value is not None]
    return {
        "metric": metric,
        "joint": [task.joint[metric].value for task in tasks],
        "alone": [task.alone[metric].value for task in tasks if task.alone],
        "gain": GainFigure.of(combine(gains)).model_dump() if gains else None,
    }


def _gain(figure: GainFigure) -> Gain:
    low, high = figure.low, figure.high
    nan = float("nan")
    return Gain(
        figure.value or 0.0, nan if low is None else low, nan if high is None else high, figure.verdict, figure.reason
    )


def _spread(values: object) -> str:
    known = [value for value in values if isinstance(value, float)] if isinstance(values, list) else []
    if not known:
        return "–"
    return f"{number(float(np.mean(known)))} ± {number(float(np.std(known, ddof=1)) if len(known) > 1 else 0.0)}"
