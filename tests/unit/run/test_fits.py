"""What a recipe's methods ask for is missed before tables are prepared, by `check` and by `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plait.errors import RecipeError
from plait.recipe import load_recipe
from plait.run.fits import check_methods
from plait.run.resolve import resolve
from plait.run.start import check_recipe
from support.films import write_films


def wrong(tmp_path: Path, **changes: Any) -> list[tuple[str, str, str]]:
    """Return what does not fit, after changes of the recipe; `train` refuses the same in the same words."""
    recipe = write_films(tmp_path) | changes
    resolved = load_recipe(recipe)
    features = {**resolved.features, "ratings.note": resolved.features["films.title"]}
    found = [finding for finding in check_methods(resolved, features) if finding.status == "FAIL"]
    if found:
        with pytest.raises(RecipeError) as error:
            resolve(recipe, base=tmp_path)
        assert str(error.value) == " ".join(finding.message for finding in found)
    return [(finding.name, finding.table, finding.message) for finding in found]


def test_nothing_is_wrong_with_the_defaults(tmp_path: Path) -> None:
    assert wrong(tmp_path) == []


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        ({"kind": "fixed", "weights": {"lik": 2.0}}, "should name tasks. Found `lik`. Did you mean `like`?"),
        ({"kind": "krum", "wrong": 5}, "should have at least 8 tasks with `wrong: 5`"),
    ],
)
def test_a_balancer_that_cannot_do_with_the_tasks(tmp_path: Path, balance: dict[str, Any], words: str) -> None:
    ((name, kind, message),) = wrong(tmp_path, balance=balance)
    assert (name, kind) == ("balance", balance["kind"])
    assert words in message


@pytest.mark.parametrize(
    ("sharing", "names"),
    [
        ({"kind": "star", "domain": "users.twon"}, ["users.twon"]),
        ({"kind": "pepnet", "domain_features": ["users.town", "users.twon"], "personal_features": ["films.title"]},
         ["users.twon", "films.title"]),
    ],
)  # fmt: skip
def test_a_body_that_names_what_is_no_feature(tmp_path: Path, sharing: dict[str, Any], names: list[str]) -> None:
    found = wrong(tmp_path, model={"sharing": sharing})
    assert [place for place, *_ in found] == ["sharing"] * len(names)
    for name, (_, _, message) in zip(names, found, strict=True):
        assert f"should name features that tasks read, as `table.column`. Found `{name}`." in message
    assert "Did you mean `users.town`?" in found[0][2]


def test_check_tells_before_anything_is_prepared(tmp_path: Path) -> None:
    recipe = write_films(tmp_path) | {"model": {"sharing": {"kind": "star", "domain": "users.twon"}}}
    (tmp_path / "films.yaml").write_text(yaml.safe_dump(recipe, allow_unicode=True), encoding="utf-8")
    lines, _, failed = check_recipe(tmp_path / "films.yaml", [])
    assert failed
    assert any(line.startswith("FAIL  sharing") and "Found `users.twon`" in line for line in lines)
    assert any(line.startswith("PASS  balance") for line in lines)
    (tmp_path / "ratings.parquet").unlink()
    lines, _, failed = check_recipe(tmp_path / "films.yaml", [])
    assert failed and any(line.startswith("FAIL  file") for line in lines)
