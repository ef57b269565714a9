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
        ("tasks/buy/kind", "binery", "`tasks.buy` should be of kind binary, multiclass"),
        ("tasks/buy/table", "visit", "Task `buy`: no table `visit`. Did you mean `visits`?"),
        ("tasks/buy/metric", "auk", "Found `auk`. Did you mean `auc`?"),
        ("tasks/buy/metric", "predicted_over_observed", "`metric` should be one that can decide a binary task"),
        ("tasks/buy/given", "click", "`given` should name a task. Found `click`."),
        ("tasks/buy/given", "next", "should have parents of kind binary, because only they have what it reads of a parent."),
        (
            "tasks/buy/delay",
            {"at": "paid", "window": "7 days", "cut": 3, "by": 1},
            "`tasks.buy.binary.delay.by` is no known key.",
        ),
        ("tasks/buy/delay", {"at": "paid", "window": "7 moons"}, "String should match pattern"),
        ("tasks/next/delay", {"at": "paid", "window": "7 days"}, "so the task should be of kind binary. Found retrieval."),
        ("tasks/next/label", "itm", "should be a key of table `visits`"),
        ("tables/items/id", None, "Table `items` should name its `id`, since `visits.item` points at it."),
        ("tables/visits/keys", {"item": "item"}, "should point at a table of the recipe. Found `item`."),
        ("tables/users/source", "users.csv", "should have either `source` or `of`. Found both."),
        ("features/users.recent", {"kind": "history", "of": "visits.itm"}, "Did you mean `item`?"),
        ("features/visit.price", "number", "Found no table `visit`. Did you mean `visits`?"),
        ("tables/visits/time", None, "should name its `time`, since only the past may be read"),
        ("tasks/buy/kind", "binery", "masked. Found `binery`. Did you mean `binary`?"),
        ("model", {"sharing": "mmoee"}, "Found `mmoee`. Did you mean `mmoe`?"),
        ("balance", "uncertainly", "Found `uncertainly`. Did you mean `uncertainty`?"),
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


def test_a_delay_needs_the_time_of_its_table() -> None:
    values = changed("tables", {"visits": {"source": "visits.parquet"}})
    values |= {"features": {}, "tasks": {"buy": {**GOOD["tasks"]["buy"], "delay": {"at": "paid", "window": "1 day"}}}}
    with pytest.raises(RecipeError, match="table `visits` should name its `time`, because a label's age is counted from it"):
        load_recipe(values)


@pytest.mark.parametrize(
    ("window", "hours"),
    [("7 days", 168), ("1day", 24), ("1.5 hours", 1.5), ("90 minutes", 1.5), ("2 weeks", 336), ("3600 seconds", 1)],
)
def test_windows_are_written_in_words(window: str, hours: float) -> None:
    from plait.schema import Delay

    assert Delay(at="x", window=window).micros == hours * 3_600_000_000


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
        ("name: x\nmodel: {sharing: mmoe\nseed: 3\n", "should be YAML. Found in line 3, column 5: expected ',' or '}'"),
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
