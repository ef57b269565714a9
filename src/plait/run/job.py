"""The whole job: recipe in, run folder out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from plait.data.columns import Prepared
from plait.data.mix import mix_of
from plait.data.prepare import prepare
from plait.errors import RecipeError, RunError
from plait.progress import Tell
from plait.recipe import Recipe, load_recipe
from plait.run.build import build_media, build_texts, resampled
from plait.run.content import Measured
from plait.run.manifest import NAME, PHASES, sha256, write_file
from plait.run.phase import Trained, only, train_phase
from plait.run.resolve import Resolved, resolve
from plait.run.rules import rule_reports
from plait.run.run import Run
from plait.run.unlabelled import unlabelled_reports
from plait.run.watching import watching
from plait.run.write import write_run

__all__ = ["train"]

_TABLES: Final = "tables.sha256"


def train(
    recipe: Recipe | Path | str | dict[str, Any],
    out: Path | str,
    *,
    changes: Sequence[str] = (),
    base: Path | None = None,
    resume: bool = False,
    alone: bool = True,
    trees: bool = False,
    tell: Tell | None = None,
) -> Run:
    """Prepare the tables, train one model for all tasks and each task alone, compare, and write the run.

    Args:
        recipe: a recipe, a YAML file, or nested dictionaries.
        out: the run folder.
        changes: overrides such as `train.epochs=5`.
        base: the folder that the recipe's sources are relative to; the recipe file's own where not said.
        resume: go on where an interrupted run in `out` stopped; bitwise the same as if it had not stopped. A finished run
            stays as it is.
        alone: train every task alone too, to compare with.
        trees: add gradient-boosted trees per task as one more baseline.
        tell: hears of progress as `(what, done, total)`.

    Raises:
        RecipeError: the recipe cannot be used, or `out` holds something else.
        DataError: a table does not hold what the recipe says.
        RunError: there is nothing to resume, or the tables are no longer those the run was started with.
        DivergedError: the loss stopped being finite.
    """
    folder = Path(out)
    resolved = resolve(recipe, changes, base)
    _make_room(folder, resolved.recipe, resume)
    if (folder / NAME).exists():
        return Run(folder)
    start = perf_counter()
    texts, media = build_texts(resolved.recipe), build_media(resolved.recipe)
    prepared = prepare(resolved.recipe.schema_, resolved.base, _cache(resolved), texts, tell, media=media)
    seconds = {"prepare": perf_counter() - start}
    _same_tables(folder, prepared)
    write_file(folder / "recipe.yaml", resolved.recipe.to_yaml())
    measured, joint = _train_all(resolved.recipe, prepared, folder, resume, alone, trees, seconds)
    write_run(folder, resolved.recipe, prepared, joint.model, measured)
    return Run(folder)


def _train_all(
    recipe: Recipe,
    prepared: Prepared,
    folder: Path,
    resume: bool,
    alone: bool,
    trees: bool,
    seconds: dict[str, float],
) -> tuple[Measured, Trained]:
    phases = folder / PHASES
    joint = train_phase(recipe, prepared, phases / "joint", resume, watching(folder, None))
    single: dict[str, Trained] = {}
    mix = mix_of(recipe.train.mix, resampled(recipe, prepared), recipe.train.batch, recipe.seed)
    sizes = {table: batches.size for table, batches in mix.batches.items()}
    for number, name in enumerate(recipe.tasks if alone else ()):
        phase, watch = phases / f"alone-{number}", watching(folder, name)
        batch = sizes[recipe.tasks[name].table]
        single[name] = train_phase(recipe.alone(name, batch), only(prepared, name), phase, resume, watch)
    seconds |= {"train": joint.fitted.seconds, "evaluate": joint.evaluated}
    if alone:
        seconds["alone"] = sum(found.fitted.seconds for found in single.values())
    others = {}
    if trees:
        from plait.run.trees import trees_outcome

        start = perf_counter()
        made = {name: trees_outcome(prepared, name, joint.outcomes[name], recipe.seed) for name in recipe.tasks}
        others = {name: outcome for name, outcome in made.items() if outcome is not None}
        seconds["trees"] = perf_counter() - start
    measured = Measured(
        joint=joint.outcomes,
        alone={name: found.outcomes[name] for name, found in single.items()},
        trees=others,
        fitted=joint.fitted,
        fitted_alone={name: found.fitted for name, found in single.items()},
        seconds=seconds,
        parameters=sum(p.numel() for p in joint.model.parameters()),
        warnings=list(prepared.plan.notes),
        rules=rule_reports(joint.model, prepared),
        unlabelled=unlabelled_reports(recipe, joint.model, prepared),
    )
    return measured, joint


def _make_room(folder: Path, recipe: Recipe, resume: bool) -> None:
    """Make sure that `folder` may be written, and that nothing of somebody else's is lost."""
    if folder.is_file():
        raise RecipeError(f"`--out {folder}` should be a folder. Found a file.")
    if not folder.exists() or not any(folder.iterdir()):
        if resume:
            raise RunError(f"`{folder}` should hold an interrupted run to resume. Found nothing. Train without --resume.")
        folder.mkdir(parents=True, exist_ok=True)
        return
    begun = folder / "recipe.yaml"
    if not begun.exists() and not (folder / PHASES).exists():
        raise RecipeError(
            f"`--out {folder}` should be a new folder or a run. Found other files in it. Choose another folder."
        )
    if resume:
        _same_recipe(begun, recipe)
    else:
        state = "a finished run" if (folder / NAME).exists() else "an interrupted run (go on with --resume)"
        raise RecipeError(f"`--out {folder}` should be a new folder. Found {state}. Choose another folder, or delete it.")


def _same_recipe(begun: Path, recipe: Recipe) -> None:
    if not begun.exists():
        return
    before = load_recipe(begun).model_dump(mode="json")
    now = recipe.model_dump(mode="json")
    changed = [key for key in now if now[key] != before.get(key)]
    if changed:
        raise RecipeError(
            f"A run is resumed with the recipe it was started with. Found `{'`, `'.join(changed)}` changed since. "
            f"Undo the change, or train into another folder."
        )


def _same_tables(folder: Path, prepared: Prepared) -> None:
    """Keep what the tables hold with the checkpoints, which know rows by their numbers."""
    kept, found = folder / PHASES / _TABLES, sha256(prepared.folder / NAME)
    if not kept.exists():
        write_file(kept, found)
    elif kept.read_text() != found:
        raise RunError(
            f"`{folder}` should be resumed on the tables it was started with, since its model has seen their training part. "
            f"Found other content in them now. Put the tables back, or train into another folder."
        )


def _cache(resolved: Resolved) -> Path:
    """Keep prepared tables beside the sources where that may be written, else in the user's cache."""
    from plait.data.samples import cache_folder

    beside = resolved.base / ".plait"
    try:
        beside.mkdir(exist_ok=True)
        probe = beside / ".writable"
        probe.touch()
        probe.unlink()
    except OSError:
        return cache_folder() / "prepared"
    return beside
