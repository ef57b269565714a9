"""A recipe: what it refuses and in which words, and that it survives being written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plait.errors import RecipeError
from plait.recipe import load_recipe

GOOD: dict[str, Any] = {
    "name": "shop",
    "tables": {
        "visits": {"source": "visits.parquet", "time": "at", "keys": {"user": "users", "item": "items"}},
        "items": {"source": "items.parquet", "id": "item"},
        "users": {"of": "visits.user"},
    },
    "features": {"users.recent": {"kind": "history", "of": "visits.item"}},
    "tasks": {
        "buy": {"table": "visits", "kind": "binary", "label": "bought"},
        "next": {"table": "visits", "kind": "retrieval", "label": "item"},
    },
}


def changed(place: str, value: object) -> dict[str, Any]:
    """Return the good recipe with one value put elsewhere."""

    def copy(node: dict[str, Any], keys: list[str]) -> dict[str, Any]:
        inner = value if len(keys) == 1 else copy(node.get(keys[0], {}), keys[1:])
        return {**node, keys[0]: inner}

    return copy(GOOD, place.split("/"))


def test_written_out_and_read_again_it_is_the_same() -> None:
    import yaml

    recipe = load_recipe(GOOD)
    assert load_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("tabels", {}, "`tabels` is no known key. Did you mean `tables`?"),
        ("tasks", {}, "`tasks`: Dictionary should have at least 1 item"),
        ("tasks/buy/kind", "binery", "does not match any of the expected tags: 'binary'"),
        ("tasks/buy/table", "visit", "Task `buy`: no table `visit`. Did you mean `visits`?"),
        ("tasks/buy/metric", "auk", "Found `auk`. Did you mean `auc`?"),
        ("tasks/buy/metric", "predicted_over_observed", "`metric` should be one that can decide a binary task"),
        ("tasks/buy/given", "click", "`given` should name a task. Found `click`."),
        ("tasks/buy/given", "next", "should have parents of kind binary, because only they have what it reads of a parent."),
        ("tasks/next/label", "itm", "should be a key of table `visits`"),
        ("tables/items/id", None, "Table `items` should name its `id`, since `visits.item` points at it."),
        ("tables/visits/keys", {"item": "item"}, "should point at a table of the recipe. Found `item`."),
        ("tables/users/source", "users.csv", "should have either `source` or `of`. Found both."),
        ("features/users.recent", {"kind": "history", "of": "visits.itm"}, "Did you mean `item`?"),
        ("features/visit.price", "number", "Found no table `visit`. Did you mean `visits`?"),
        ("tables/visits/time", None, "should name its `time`, since only the past may be read"),
        ("train", {"epochs": 0}, "`train.epochs`: Input should be greater than or equal to 1. Found 0."),
        ("split", {"test": 1.5}, "`split.test`: Input should be less than 1. Found 1.5."),
    ],
)
def test_what_cannot_be_names_its_place(place: str, value: object, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(changed(place, value))
    assert words in str(caught.value)


def test_an_override_replaces_one_value() -> None:
    recipe = load_recipe(GOOD, ["train.epochs=2", "balance=upgrad", "features.items.price=number", "model.tower=[8, 4]"])
    assert recipe.train.epochs == 2
    assert recipe.balance.kind == "upgrad"
    assert recipe.features["items.price"].kind == "number"
    assert recipe.model.tower == [8, 4]


def test_short_forms_stand_for_a_kind() -> None:
    recipe = load_recipe(GOOD, ["model.sharing=ple", "model.sharing.levels=2"])
    assert recipe.model.sharing.model_dump()["levels"] == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "`name` stands twice"),
        ("name: [", "should be YAML"),
        ("- a\n- b\n", "should hold keys such as `name`, `tables`, `tasks`. Found list"),
        ("", "Found NoneType"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert words in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("")
    with pytest.raises(RecipeError, match=r"Found no such file\. Did you mean `recipe\.yaml`\?"):
        load_recipe(tmp_path / "recip.yaml")
    with pytest.raises(RecipeError, match=r"Found a folder\. `plait init"):
        load_recipe(tmp_path)


def test_alone_balances_nothing() -> None:
    recipe = load_recipe(GOOD, ["balance={kind: fixed, weights: {like: 2.0}}"])
    for task in recipe.tasks:
        assert recipe.alone(task, 64).balance.kind == "average"
