"""The first two commands: look at tables and write a recipe, and check a recipe against its tables."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from plait.data.check import check, lines, to_json
from plait.data.infer import infer
from plait.data.infer.features import infer_features
from plait.data.infer.recipe import write_recipe
from plait.errors import DataError, RecipeError
from plait.recipe import load_recipe
from plait.run.fits import check_methods
from plait.run.manifest import write_file

__all__ = ["check_recipe", "start"]


def start(folder: Path, out: Path | None, force: bool) -> tuple[Path, list[str], object]:
    """Guess what the tables of a folder hold and write a commented recipe.

    Args:
        folder: holds Parquet, CSV or JSON-lines files; or one such file.
        out: the recipe file; `recipe.yaml` beside the tables where not said.
        force: whether an existing file may be replaced.

    Returns:
        The recipe's path, lines that say what was found, and the same as data.

    Raises:
        RecipeError: the folder holds no tables, or the recipe file exists.
    """
    place = folder if folder.is_dir() else folder.parent
    path = out or place / "recipe.yaml"
    if path.exists() and not force:
        raise RecipeError(f"`{path}` exists already. Write elsewhere with --out FILE, or over it with --force.")
    guess = infer(folder)
    text = write_recipe(guess, path.parent)
    write_file(path, text)
    recipe = load_recipe(path)
    found = [f"table {name}: {table.source or 'distinct ' + str(table.of)}" for name, table in recipe.tables.items()]
    found += [f"task {name}: {task.kind} of {task.table}, label {task.label}" for name, task in recipe.tasks.items()]
    return path, found, {"recipe": str(path), "tables": list(recipe.tables), "tasks": list(recipe.tasks)}


def check_recipe(source: Path, changes: Sequence[str]) -> tuple[list[str], object, bool]:
    """Check a recipe against its tables.

    Returns:
        Lines for people, the findings as data, and whether any failed.
    """
    recipe = load_recipe(source, changes)
    folder = source.resolve().parent
    findings = check(recipe.schema_, folder)
    with suppress(DataError):  # A table that cannot be read is among the findings.
        findings += check_methods(recipe, {**infer_features(recipe.tables, folder), **recipe.features})
    failed = sum(finding.status == "FAIL" for finding in findings)
    warned = sum(finding.status == "WARN" for finding in findings)
    closing = f"{len(findings) - failed - warned} passed, {warned} warnings, {failed} failed"
    return [*lines(findings), closing], to_json(findings), failed > 0
