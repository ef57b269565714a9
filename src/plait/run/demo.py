"""The whole job on built-in data."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from plait.data.samples import cache_folder, fetch, note, recipe_text
from plait.progress import Tell
from plait.run.job import train
from plait.run.manifest import write_file
from plait.run.run import Run

__all__ = ["demo"]


def demo(name: str, out: Path, changes: Sequence[str], tell: Tell | None) -> Run:
    """Fetch a built-in data set at first use and train its recipe, joint and alone.

    Args:
        name: one of `plait.data.samples.names()`.
        out: the run folder; a finished demo of the same name there is replaced.
        changes: overrides such as `train.epochs=5`.
        tell: hears of progress.

    Raises:
        RecipeError: no such data set.
        DataError: the data could not be fetched.
    """
    folder = fetch(name, cache_folder(), tell)
    recipe = out.parent / f"{out.name}.yaml"
    write_file(recipe, f"# {note(name)}\n# Tables: {folder}\n{recipe_text(name)}")
    if (out / "recipe.yaml").exists():
        shutil.rmtree(out)
    return train(recipe, out, changes=changes, base=folder, tell=tell)
