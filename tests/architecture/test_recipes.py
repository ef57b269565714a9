"""The recipes that come with the project load."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "recipes"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_loads(path: Path) -> None:
    from plait.recipe import load_recipe

    recipe = load_recipe(path)
    assert recipe.tables
    assert recipe.tasks


def test_there_is_one_for_each_demo() -> None:
    assert {"movies", "grocery", "clothing", "insurance", "census"} <= {path.stem for path in FOLDER.glob("*.yaml")}
