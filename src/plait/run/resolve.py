"""A recipe as the user wrote it → the recipe as it will run: every feature named, every default written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from plait.data.infer.features import infer_features
from plait.errors import RecipeError
from plait.recipe import Recipe, load_recipe
from plait.run.fits import check_methods
from plait.schema import Text

__all__ = ["Resolved", "resolve"]


@final
@dataclass(frozen=True, slots=True)
class Resolved:
    """A recipe that is ready to run, and the folder its sources are relative to."""

    recipe: Recipe
    base: Path


def resolve(source: Recipe | Path | str | dict[str, Any], changes: Sequence[str] = (), base: Path | None = None) -> Resolved:
    """Read a recipe and name the features it leaves open.

    Args:
        source: a recipe, a YAML file, or nested dictionaries.
        changes: overrides such as `train.epochs=5`.
        base: the folder that sources are relative to; the recipe file's own where not said.

    Raises:
        RecipeError: the recipe cannot be used as it stands.
        DataError: a source cannot be read.
    """
    if isinstance(source, Recipe):
        recipe = load_recipe(source.model_dump(mode="json"), changes) if changes else source
        folder = base or Path.cwd()
    elif isinstance(source, dict):
        recipe, folder = load_recipe(source, changes), base or Path.cwd()
    else:
        recipe, folder = load_recipe(Path(source), changes), base or Path(source).resolve().parent
    inferred = infer_features(recipe.tables, folder)
    inferred |= {f"{task.table}.{task.text}": Text() for task in recipe.tasks.values() if task.text is not None}
    features = {**{name: feature for name, feature in inferred.items() if name not in recipe.features}, **recipe.features}
    wrong = [found.message for found in check_methods(recipe, features) if found.status == "FAIL"]
    if wrong:
        raise RecipeError(" ".join(wrong))
    return Resolved(recipe.model_copy(update={"features": features}), folder)
