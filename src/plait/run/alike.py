"""Which texts of a recipe are compared as the encoder reads them, and where they lie."""

from __future__ import annotations

from collections.abc import Mapping

from plait.encode.row import RowEncoder
from plait.errors import RecipeError
from plait.layout import Layout
from plait.model.alike import Alike
from plait.recipe import Recipe
from plait.schema import Place, places_of
from plait.tasks.ranking import Ranking

__all__ = ["build_alike"]

Span = tuple[int, int]


def build_alike(recipe: Recipe, layout: Layout, rows: Mapping[str, RowEncoder], spans: Mapping[str, Span]) -> Alike:
    """Find the texts that tasks compare, and let these stay as the encoder gives them.

    Args:
        recipe: the recipe.
        layout: how the prepared tables look.
        rows: one encoder per table; those of compared texts are changed.
        spans: `role/table.column` -> where the feature lies in the joint input.

    Raises:
        RecipeError: a task compares what it does not read, or what is no text.
    """
    found: dict[str, tuple[Span, Span]] = {}
    for name in layout.tasks:
        task = recipe.tasks[name]
        if not isinstance(task, Ranking.Settings) or task.alike is None:
            continue
        try:
            places = places_of(recipe.tables, f"{task.table}.{name}", task.alike)
        except ValueError as error:
            raise RecipeError(str(error).replace("Feature", "Task", 1).replace("`of`", "`alike`", 1)) from None
        one, other = (_span(layout, name, place, spans) for place in places)
        found[name] = (one, other)
        for place in places:
            rows[place.table].stay_as_given(f"{place.table}.{place.column}")
    return Alike(found)


def _span(layout: Layout, task: str, place: Place, spans: Mapping[str, Span]) -> Span:
    feature = f"{place.table}.{place.column}"
    group = next(group for group in layout.groups if task in group.tasks)
    kinds = {f.name: f.kind for f in layout.tables[place.table].features}
    for role, keys in layout.paths[group.table].items():
        seen = role in group.roles and f"{role}/{feature}" not in group.hidden
        if seen and keys == list(place.keys) and kinds.get(feature) == "text" and f"{role}/{feature}" in spans:
            return spans[f"{role}/{feature}"]
    raise RecipeError(
        f"Task `{task}`: `alike` should name texts that the task reads, side by side with the rest (`model.fusion: concat` "
        f"without dropout), since their vectors are compared. Found `{feature}`, "
        f"{'no feature' if feature not in kinds else f'a feature of kind {kinds[feature]}'}. Correct `alike` or `inputs`."
    )
