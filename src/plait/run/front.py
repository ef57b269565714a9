"""Several solutions in one call: one run per preference between two tasks, and the front they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import plait
from plait.balance import Pareto
from plait.errors import RecipeError, nearest
from plait.progress import Tell
from plait.recipe import Recipe, load_recipe
from plait.report.content import Report
from plait.report.front import Front, Solution, front_lines, render_front
from plait.run.job import train
from plait.run.manifest import NAME, write_file
from plait.run.run import load

__all__ = ["front", "front_command"]

_LEAST: Final = 0.05
"""The least share of the preference at the ends: with none at all a task would not be trained."""


def front(
    recipe: Recipe | Path | str | dict[str, Any],
    tasks: Sequence[str],
    out: Path | str,
    *,
    points: int = 5,
    changes: Sequence[str] = (),
    base: Path | None = None,
    resume: bool = False,
    tell: Tell | None = None,
) -> Front:
    """Train a recipe once per preference between two tasks, and see what one costs in the other.

    The first task's share of the preference goes in even steps from 0.05 to 0.95; a single point has one half. Tasks besides
    the two have the mean of both in every run. `out` gets a run folder per point (as `plait train --no-alone` leaves
    it), `front.json`, and `front.html` with the picture.

    Args:
        recipe: a recipe, a YAML file, or nested dictionaries. Its `balance` is replaced by `pareto`; where it is `pareto`
            already, only its preferences are.
        tasks: the two tasks.
        out: the folder.
        points: how many preferences.
        changes: overrides such as `train.epochs=5`.
        base: the folder that the recipe's sources are relative to; the recipe file's own where not said.
        resume: keep runs that are finished, and go on with the one that is not.
        tell: hears of progress as `(what, done, total)`.

    Raises:
        RecipeError: not two tasks of the recipe, or no point.
    """
    read = recipe if isinstance(recipe, Recipe) and not changes else load_recipe(_plain(recipe), changes)
    first, second = _two(tasks, list(read.tasks))
    if points < 1:
        raise RecipeError(f"`points` should be 1 or more, since each is one run. Found {points}.")
    place = base if base is not None or isinstance(recipe, Recipe | dict) else Path(recipe).resolve().parent
    kept = read.balance if isinstance(read.balance, Pareto.Settings) else Pareto.Settings()
    folder, solutions, report = Path(out), [], None
    for number in range(points):
        share = 0.5 if points == 1 else _LEAST + (1 - 2 * _LEAST) * number / (points - 1)
        shares = {first: share, second: 1 - share}
        others = dict.fromkeys((name for name in read.tasks if name not in shares), 0.5)
        balance = kept.model_copy(update={"preferences": {**shares, **others}})
        name = f"point-{number + 1}"
        report = _report(read.model_copy(update={"balance": balance}), folder / name, place, resume, tell)
        figures = {task: found.joint[found.metric] for task, found in report.tasks.items()}
        solutions.append(Solution(run=name, preferences={task: round(v, 4) for task, v in shares.items()}, figures=figures))
    assert report is not None
    found = Front(
        plait=plait.__version__,
        recipe=read.name,
        method=kept.method,
        tasks=(first, second),
        metrics={task: told.metric for task, told in report.tasks.items()},
        solutions=solutions,
    ).judged()
    write_file(folder / "front.json", found.model_dump_json(indent=1))
    write_file(folder / "front.html", render_front(found))
    return found


def front_command(
    recipe: Path,
    out: Path,
    tasks: str,
    *,
    points: int,
    changes: Sequence[str],
    resume: bool,
    tell: Tell | None,
) -> tuple[list[str], object]:
    """Do what `plait front` says.

    Returns:
        Lines for people, and the front as data.

    Raises:
        RecipeError: as of `front`.
    """
    wanted = [name.strip() for name in tasks.split(",")]
    found = front(
        recipe,
        wanted,
        out,
        points=points,
        changes=changes,
        resume=resume,
        tell=tell,
    )
    return front_lines(found), found.model_dump(mode="json")


def _report(recipe: Recipe, folder: Path, base: Path | None, resume: bool, tell: Tell | None) -> Report:
    """Train one point, or take it as it is where it is finished."""
    if resume and (folder / NAME).exists():
        run = load(folder)
        if run.recipe.balance != recipe.balance:
            raise RecipeError(
                f"`{folder}` should hold the run of this preference. Found another one. Choose another --out, or ask "
                "for the same points and tasks as before."
            )
        return run.report
    started = resume and folder.exists()
    return train(recipe, folder, base=base, resume=started, alone=False, tell=tell).report


def _plain(recipe: Recipe | Path | str | dict[str, Any]) -> Path | str | dict[str, Any]:
    return recipe.model_dump(mode="json") if isinstance(recipe, Recipe) else recipe


def _two(tasks: Sequence[str], names: list[str]) -> tuple[str, str]:
    for name in tasks:
        if name not in names:
            raise RecipeError(f"`tasks` should name tasks of the recipe. Found `{name}`.{nearest(name, names)}")
    if len(tasks) != 2 or tasks[0] == tasks[1]:
        raise RecipeError(f"`tasks` should name two tasks, such as `{','.join(names[:2])}`. Found `{','.join(tasks)}`.")
    return tasks[0], tasks[1]
