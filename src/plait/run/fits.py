"""What a recipe's methods ask for that its tasks and features do not have; found before any table is prepared."""

from __future__ import annotations

from collections.abc import Mapping

from plait.balance import build_balancer
from plait.data.check import Finding
from plait.errors import RecipeError, nearest
from plait.recipe import Recipe
from plait.schema import Feature

__all__ = ["check_methods"]


def check_methods(recipe: Recipe, features: Mapping[str, Feature]) -> list[Finding]:
    """Judge `balance` and `model.sharing` of a recipe.

    Whether a feature lies in the input of a task, and holds one value a row, shows when the tables are prepared.

    Args:
        recipe: the recipe.
        features: `table.column` -> how it is read, those that the recipe does not name included.
    """
    return [_balance(recipe), *_sharing(recipe, features)]


def _balance(recipe: Recipe) -> Finding:
    kind, names = recipe.balance.kind, list(recipe.tasks)
    try:
        build_balancer(recipe.balance, names, [task.weight for task in recipe.tasks.values()])
    except RecipeError as error:
        return Finding("FAIL", "balance", kind, "", str(error))
    return Finding("PASS", "balance", kind, "", f"can do with {len(names)} task{'s' * (len(names) > 1)}")


def _sharing(recipe: Recipe, features: Mapping[str, Feature]) -> list[Finding]:
    read = [name for name, feature in features.items() if feature.kind != "ignore"]
    wanted = recipe.model.sharing.named_features()
    return [
        Finding(
            "FAIL",
            "sharing",
            recipe.model.sharing.kind,
            "",
            f"`model.sharing` should name features that tasks read, as `table.column`. Found `{name}`.{nearest(name, read)}",
        )
        for name in dict.fromkeys(wanted)
        if name not in read
    ]
